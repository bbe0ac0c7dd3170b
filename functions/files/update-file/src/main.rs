//! The Lambda `update-file`.

api::serve!(update_file);

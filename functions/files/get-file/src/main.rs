//! The Lambda `get-file`.

api::serve!(get_file);

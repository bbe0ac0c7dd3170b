//! The Lambda `delete-file`.

api::serve!(delete_file);

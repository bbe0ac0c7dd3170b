//! The Lambda `complete-file`.

api::serve!(complete_file);

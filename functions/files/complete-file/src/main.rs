//! The Lambda `complete-file`.

api::serve_idempotent!(complete_file);

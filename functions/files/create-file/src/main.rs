//! The Lambda `create-file`.

api::serve_idempotent!(create_file);

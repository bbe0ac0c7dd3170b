//! The Lambda `create-export`.

api::serve_idempotent!(create_export);

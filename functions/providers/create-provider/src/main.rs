//! The Lambda `create-provider`.

api::serve_idempotent!(create_provider);

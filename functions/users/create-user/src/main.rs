//! The Lambda `create-user`.

api::serve_idempotent!(create_user);

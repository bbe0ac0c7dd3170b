//! The Lambda `approve-user`.

api::serve_idempotent!(approve_user);

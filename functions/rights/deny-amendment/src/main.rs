//! The Lambda `deny-amendment`.

api::serve_idempotent!(deny_amendment);

//! The Lambda `accept-amendment`.

api::serve_idempotent!(accept_amendment);

//! The Lambda `request-amendment`.

api::serve_idempotent!(request_amendment);

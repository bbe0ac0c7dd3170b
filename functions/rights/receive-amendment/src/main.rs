//! The Lambda `receive-amendment`.

api::serve_idempotent!(receive_amendment);

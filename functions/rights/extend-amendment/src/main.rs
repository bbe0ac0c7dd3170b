//! The Lambda `extend-amendment`.

api::serve_idempotent!(extend_amendment);

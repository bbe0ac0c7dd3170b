//! The Lambda `add-amendment-recipient`.

api::serve_idempotent!(add_amendment_recipient);

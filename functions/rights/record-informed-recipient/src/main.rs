//! The Lambda `record-informed-recipient`.

api::serve_idempotent!(record_informed_recipient);

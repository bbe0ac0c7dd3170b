//! The Lambda `record-disclosure`.

api::serve_idempotent!(record_disclosure);

//! The Lambda `correct-disclosure`.

api::serve_idempotent!(correct_disclosure);

//! The Lambda `review-emergency-access`.

api::serve_idempotent!(review_emergency_access);

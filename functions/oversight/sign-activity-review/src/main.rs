//! The Lambda `sign-activity-review`.

api::serve_idempotent!(sign_activity_review);

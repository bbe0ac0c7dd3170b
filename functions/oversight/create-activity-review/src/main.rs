//! The Lambda `create-activity-review`.

api::serve_idempotent!(create_activity_review);

//! The Lambda `get-activity-review`.

api::serve!(get_activity_review);

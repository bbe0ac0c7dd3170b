//! The Lambda `list-activity-reviews`.

api::serve!(list_activity_reviews);

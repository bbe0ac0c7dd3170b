//! The Lambda `review-access`.

api::serve_event!(review_access);

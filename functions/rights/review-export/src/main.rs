//! The Lambda `review-export`.

api::serve_idempotent!(review_export);

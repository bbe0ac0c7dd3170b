//! The Lambda `request-export-review`.

api::serve_idempotent!(request_export_review);

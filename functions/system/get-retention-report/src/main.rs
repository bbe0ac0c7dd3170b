//! The Lambda `get-retention-report`.

api::serve!(get_retention_report);

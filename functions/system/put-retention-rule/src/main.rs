//! The Lambda `put-retention-rule`.

api::serve!(put_retention_rule);

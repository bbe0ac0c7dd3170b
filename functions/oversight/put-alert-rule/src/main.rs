//! The Lambda `put-alert-rule`.

api::serve!(put_alert_rule);

//! The Lambda `list-alert-rules`.

api::serve!(list_alert_rules);

//! The Lambda `update-alert`.

api::serve!(update_alert);

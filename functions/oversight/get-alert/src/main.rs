//! The Lambda `get-alert`.

api::serve!(get_alert);

//! The Lambda `list-alerts`.

api::serve!(list_alerts);

//! The Lambda `update-incident`.

api::serve!(update_incident);

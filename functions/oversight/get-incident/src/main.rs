//! The Lambda `get-incident`.

api::serve!(get_incident);

//! The Lambda `get-incident-letter`.

api::serve!(get_incident_letter);

//! The Lambda `list-incident-patients`.

api::serve!(list_incident_patients);

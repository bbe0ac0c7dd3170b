//! The Lambda `update-incident-patient`.

api::serve!(update_incident_patient);

//! The Lambda `record-incident-notice`.

api::serve_idempotent!(record_incident_notice);

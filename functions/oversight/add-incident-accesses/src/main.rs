//! The Lambda `add-incident-accesses`.

api::serve_idempotent!(add_incident_accesses);

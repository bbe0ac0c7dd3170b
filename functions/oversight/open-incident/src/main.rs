//! The Lambda `open-incident`.

api::serve_idempotent!(open_incident);

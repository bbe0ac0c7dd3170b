//! The Lambda `complete-appointment`.

api::serve_idempotent!(complete_appointment);

//! The Lambda `cancel-appointment`.

api::serve_idempotent!(cancel_appointment);

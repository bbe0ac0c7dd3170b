//! The Lambda `rate-appointment`.

api::serve_idempotent!(rate_appointment);

//! The Lambda `check-in-appointment`.

api::serve_idempotent!(check_in_appointment);

//! The Lambda `create-appointment`.

api::serve_idempotent!(create_appointment);

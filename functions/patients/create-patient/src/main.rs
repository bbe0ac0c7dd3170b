//! The Lambda `create-patient`.

api::serve_idempotent!(create_patient);

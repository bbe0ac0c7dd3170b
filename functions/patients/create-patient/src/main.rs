//! The Lambda `create-patient`.

api::serve!(create_patient);

//! The Lambda `get-patient`.

api::serve!(get_patient);

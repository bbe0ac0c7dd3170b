//! The Lambda `update-patient`.

api::serve!(update_patient);

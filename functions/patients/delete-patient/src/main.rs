//! The Lambda `delete-patient`.

api::serve!(delete_patient);

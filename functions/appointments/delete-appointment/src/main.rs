//! The Lambda `delete-appointment`.

api::serve!(delete_appointment);

//! The Lambda `update-appointment`.

api::serve!(update_appointment);

//! The Lambda `complete-appointment`.

api::serve!(complete_appointment);

//! The Lambda `cancel-appointment`.

api::serve!(cancel_appointment);

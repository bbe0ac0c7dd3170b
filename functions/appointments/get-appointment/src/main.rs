//! The Lambda `get-appointment`.

api::serve!(get_appointment);

//! The Lambda `create-appointment`.

api::serve!(create_appointment);

//! The Lambda `rate-appointment`.

api::serve!(rate_appointment);

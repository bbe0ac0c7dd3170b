//! The Lambda `remind-appointments`.

api::serve_event!(remind_appointments);

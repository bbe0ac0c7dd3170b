//! The Lambda `list-appointments`.

api::serve!(list_appointments);

//! The Lambda `list-appointment-changes`.

api::serve!(list_appointment_changes);

//! The Lambda `list-emergency-access`.

api::serve!(list_emergency_access);

//! The Lambda `list-patients`.

api::serve!(list_patients);

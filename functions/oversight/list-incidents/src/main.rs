//! The Lambda `list-incidents`.

api::serve!(list_incidents);

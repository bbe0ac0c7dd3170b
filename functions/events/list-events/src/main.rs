//! The Lambda `list-events`.

api::serve!(list_events);

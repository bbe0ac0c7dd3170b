//! The Lambda `list-records`.

api::serve!(list_records);

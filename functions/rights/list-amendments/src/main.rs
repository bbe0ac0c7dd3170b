//! The Lambda `list-amendments`.

api::serve!(list_amendments);

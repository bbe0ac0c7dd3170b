//! The Lambda `list-exports`.

api::serve!(list_exports);

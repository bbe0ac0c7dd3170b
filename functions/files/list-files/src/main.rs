//! The Lambda `list-files`.

api::serve!(list_files);

//! The Lambda `get-export-letter`.

api::serve!(get_export_letter);

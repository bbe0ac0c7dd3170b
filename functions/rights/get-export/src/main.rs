//! The Lambda `get-export`.

api::serve!(get_export);

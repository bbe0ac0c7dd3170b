//! The Lambda `get-accounting`.

api::serve!(get_accounting);

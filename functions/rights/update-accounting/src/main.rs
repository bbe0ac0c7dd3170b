//! The Lambda `update-accounting`.

api::serve!(update_accounting);

//! The Lambda `get-accounting-report`.

api::serve!(get_accounting_report);

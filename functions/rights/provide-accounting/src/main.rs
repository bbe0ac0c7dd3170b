//! The Lambda `provide-accounting`.

api::serve_idempotent!(provide_accounting);

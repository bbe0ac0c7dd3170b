//! The Lambda `request-accounting`.

api::serve_idempotent!(request_accounting);

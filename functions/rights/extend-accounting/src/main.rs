//! The Lambda `extend-accounting`.

api::serve_idempotent!(extend_accounting);

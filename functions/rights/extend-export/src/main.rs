//! The Lambda `extend-export`.

api::serve_idempotent!(extend_export);

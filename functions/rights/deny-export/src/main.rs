//! The Lambda `deny-export`.

api::serve_idempotent!(deny_export);

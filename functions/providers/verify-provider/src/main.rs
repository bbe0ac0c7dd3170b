//! The Lambda `verify-provider`.

api::serve_idempotent!(verify_provider);

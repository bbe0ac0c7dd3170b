//! The Lambda `grant-emergency-access`.

api::serve_idempotent!(grant_emergency_access);

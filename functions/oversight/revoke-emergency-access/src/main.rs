//! The Lambda `revoke-emergency-access`.

api::serve_idempotent!(revoke_emergency_access);

//! The Lambda `release-legal-hold`.

api::serve_idempotent!(release_legal_hold);

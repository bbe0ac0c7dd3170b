//! The Lambda `place-legal-hold`.

api::serve_idempotent!(place_legal_hold);

//! The Lambda `confirm-representative`.

api::serve_idempotent!(confirm_representative);

//! The Lambda `end-representative`.

api::serve_idempotent!(end_representative);

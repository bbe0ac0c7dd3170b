//! The Lambda `create-representative`.

api::serve_idempotent!(create_representative);

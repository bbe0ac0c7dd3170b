//! The Lambda `disagree-with-denial`.

api::serve_idempotent!(disagree_with_denial);

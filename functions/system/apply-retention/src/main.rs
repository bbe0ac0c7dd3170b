//! The Lambda `apply-retention`.

api::serve_event!(apply_retention);

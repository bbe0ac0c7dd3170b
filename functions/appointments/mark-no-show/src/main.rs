//! The Lambda `mark-no-show`.

api::serve_idempotent!(mark_no_show);

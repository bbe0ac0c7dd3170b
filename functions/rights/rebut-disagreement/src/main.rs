//! The Lambda `rebut-disagreement`.

api::serve_idempotent!(rebut_disagreement);

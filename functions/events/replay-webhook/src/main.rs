//! The Lambda `replay-webhook`.

api::serve_idempotent!(replay_webhook);

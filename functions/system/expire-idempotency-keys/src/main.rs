//! The Lambda `expire-idempotency-keys`.

api::serve_event!(expire_idempotency_keys);

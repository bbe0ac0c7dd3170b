//! The Lambda `rotate-webhook-secret`.

api::serve!(rotate_webhook_secret);

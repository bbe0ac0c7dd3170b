//! The Lambda `put-webhook`.

api::serve!(put_webhook);

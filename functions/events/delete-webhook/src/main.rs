//! The Lambda `delete-webhook`.

api::serve!(delete_webhook);

//! The Lambda `list-webhook-deliveries`.

api::serve!(list_webhook_deliveries);

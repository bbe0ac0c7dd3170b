//! The Lambda `list-webhooks`.

api::serve!(list_webhooks);

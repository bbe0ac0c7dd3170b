//! The Lambda `deliver-webhooks`.

api::serve_event!(deliver_webhooks);

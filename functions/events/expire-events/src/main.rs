//! The Lambda `expire-events`.

api::serve_event!(expire_events);

//! The Lambda `publish-events`.

api::serve_event!(publish_events);

//! The Lambda `expire-uploads`.

api::serve_event!(expire_uploads);

//! The Lambda `delete-provider`.

api::serve!(delete_provider);

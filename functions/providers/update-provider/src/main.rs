//! The Lambda `update-provider`.

api::serve!(update_provider);

//! The Lambda `get-provider`.

api::serve!(get_provider);

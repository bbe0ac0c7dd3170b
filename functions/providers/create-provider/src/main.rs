//! The Lambda `create-provider`.

api::serve!(create_provider);

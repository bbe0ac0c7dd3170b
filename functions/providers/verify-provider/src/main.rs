//! The Lambda `verify-provider`.

api::serve!(verify_provider);

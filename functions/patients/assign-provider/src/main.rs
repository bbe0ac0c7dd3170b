//! The Lambda `assign-provider`.

api::serve!(assign_provider);

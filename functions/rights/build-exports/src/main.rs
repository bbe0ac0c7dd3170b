//! The Lambda `build-exports`.

api::serve_event!(build_exports);

//! The Lambda `archive-audit`.

api::serve_event!(archive_audit);

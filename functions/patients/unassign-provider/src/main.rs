//! The Lambda `unassign-provider`.

api::serve!(unassign_provider);

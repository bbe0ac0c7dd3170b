//! The Lambda `ensure-audit-partitions`.

api::serve_event!(ensure_audit_partitions);

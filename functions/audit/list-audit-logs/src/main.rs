//! The Lambda `list-audit-logs`.

api::serve!(list_audit_logs);

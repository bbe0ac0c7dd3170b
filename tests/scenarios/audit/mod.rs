mod list_audit_logs;

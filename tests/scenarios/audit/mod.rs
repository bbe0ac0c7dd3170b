mod canonical_form;
mod ensure_audit_partitions;
mod list_audit_logs;
mod sealed_size;
mod signatures;

//! The Lambda `get-audit-proof`.

api::serve!(get_audit_proof);

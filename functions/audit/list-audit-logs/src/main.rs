//! The Lambda `list-audit-logs`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(list_audit_logs::ENDPOINT, list_audit_logs::handle)
}

//! The rows that the story must leave in the audit log.

use serde_json::{Value, json};
use uuid::Uuid;

/// What a function does, in the terms of its audit rows.
#[derive(Debug, Clone, Copy)]
pub struct Deed {
    pub application: &'static str,
    pub action: &'static str,
    pub resource_type: &'static str,
}

pub const CREATE_APPOINTMENT: Deed = Deed::new("create-appointment", "CREATE", "APPOINTMENT");
pub const CANCEL_APPOINTMENT: Deed = Deed::new("cancel-appointment", "UPDATE", "APPOINTMENT");
pub const GET_ME: Deed = Deed::new("get-me", "READ", "USER");
pub const GET_PATIENT: Deed = Deed::new("get-patient", "READ", "PATIENT");
pub const GET_RECORD: Deed = Deed::new("get-record", "READ", "MEDICAL_RECORD");
pub const LIST_RECORDS: Deed = Deed::new("list-records", "SEARCH", "MEDICAL_RECORD");
pub const CREATE_FILE: Deed = Deed::new("create-file", "CREATE", "FILE");
pub const OPEN_FILE: Deed = Deed::new("get-file", "DISCLOSE", "FILE");
/// A refused `get-file` discloses nothing.
pub const GET_FILE: Deed = Deed::new("get-file", "READ", "FILE");
pub const PROCESS_UPLOAD: Deed = Deed::new("process-upload", "PROCESS", "FILE");

impl Deed {
    const fn new(
        application: &'static str,
        action: &'static str,
        resource_type: &'static str,
    ) -> Self {
        Self {
            application,
            action,
            resource_type,
        }
    }
}

/// A row that the audit log must have.
#[derive(Debug)]
pub struct Trace {
    /// The number of its step.
    pub step: usize,
    /// The request's id; `None` for an event, whose request id the caller doesn't learn.
    pub request_id: Option<String>,
    pub user_id: Option<Uuid>,
    pub role: &'static str,
    pub deed: Deed,
    pub resource_id: Option<Uuid>,
    pub outcome: &'static str,
}

impl Trace {
    /// Whether `row` of the audit log is this one.
    pub fn is(&self, row: &Value) -> bool {
        self.request_id
            .as_ref()
            .is_none_or(|id| row["request_id"] == json!(id))
            && row["user_id"] == json!(self.user_id)
            && row["actor_role"] == self.role
            && row["application"] == self.deed.application
            && row["action_type"] == self.deed.action
            && row["resource_type"] == self.deed.resource_type
            && self
                .resource_id
                .is_none_or(|id| row["resource_id"] == json!(id))
            && row["outcome"] == self.outcome
    }
}

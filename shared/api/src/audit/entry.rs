//! One row of the audit log and its canonical form.

use std::net::IpAddr;

use aws_lc_rs::digest::{Context, SHA256};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::ids::{AuditLogId, PatientId, UserId};
use crate::sql::text_enum;
use crate::time::Timestamp;

text_enum! {
    /// What was done (seed B: `action_type`).
    pub enum Action: "SCREAMING_SNAKE_CASE" {
        /// Something was created.
        Create,
        /// Something was read by its id.
        Read,
        /// Something was changed.
        Update,
        /// Something was archived.
        Delete,
        /// A list or search was answered.
        Search,
        /// A way to fetch content outside the API was handed out.
        Disclose,
        /// A function worked on it without a caller.
        Process,
    }
}

text_enum! {
    /// How it ended (seed B: `outcome`).
    pub enum Outcome: "SCREAMING_SNAKE_CASE" {
        /// It was done.
        Success,
        /// Access was refused.
        Denied,
        /// It was not done, for another reason.
        Failure,
    }
}

text_enum! {
    /// What it was done to (seeds A and B: `resource_type`).
    pub enum ResourceType: "SCREAMING_SNAKE_CASE" {
        /// `user_profiles`.
        User,
        /// `roles`.
        Role,
        /// `patients`.
        Patient,
        /// `providers`.
        Provider,
        /// `appointments`.
        Appointment,
        /// `medical_records`.
        MedicalRecord,
        /// `file_metadata`.
        File,
        /// `audit_logs`.
        AuditLog,
        /// `custom_data_schemas`.
        CustomDataSchema,
    }
}

/// The content of an audit row, all but its place in a chain.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its id.
    pub id: AuditLogId,
    /// When, to the microsecond.
    pub timestamp: Timestamp,
    /// Who; none for a function without caller and for an unknown subject.
    pub user_id: Option<UserId>,
    /// The role acted in.
    pub actor_role: Option<String>,
    /// What was done.
    pub action_type: Action,
    /// To what kind of thing.
    pub resource_type: ResourceType,
    /// To which one; none for a search.
    pub resource_id: Option<Uuid>,
    /// The patients concerned.
    pub patients: Vec<PatientId>,
    /// How it ended.
    pub outcome: Outcome,
    /// Where the request came from.
    pub source_ip: Option<IpAddr>,
    /// The client's own word for itself.
    pub user_agent: Option<String>,
    /// The function.
    pub application: String,
    /// The request, as in the answer's `x-request-id` and the logs.
    pub request_id: String,
    /// Ids, field names and counts; never PHI values, no fractions.
    pub details: Map<String, Value>,
}

impl Entry {
    /// The one patient concerned, for the column of that name.
    pub fn patient_id(&self) -> Option<PatientId> {
        match self.patients[..] {
            [patient] => Some(patient),
            _ => None,
        }
    }

    /// All patients concerned, where there are several.
    pub fn patient_ids(&self) -> Option<&[PatientId]> {
        (self.patients.len() > 1).then_some(&self.patients)
    }

    /// SHA-256 over the canonical form, version 1: each part behind its length as a 32-bit
    /// big-endian number, an absent part as the length 2³²−1 alone. Times are RFC 3339 with
    /// microseconds, ids lower-case UUIDs, details RFC 8785, numbers decimal.
    pub fn hash(&self, chain_id: Uuid, seq: i64, prev_hash: &[u8; 32]) -> [u8; 32] {
        let mut hasher = Hasher::new();
        hasher.part(b"caretrail-audit-row-v1");
        hasher.text(chain_id);
        hasher.text(seq);
        hasher.part(prev_hash);
        hasher.text(self.id);
        hasher.text(self.timestamp.with_microseconds());
        hasher.optional(self.user_id);
        hasher.optional(self.actor_role.as_deref());
        hasher.text(self.action_type);
        hasher.text(self.resource_type);
        hasher.optional(self.resource_id);
        hasher.text(self.patients.len());
        for patient in &self.patients {
            hasher.text(patient);
        }
        hasher.text(self.outcome);
        hasher.optional(self.source_ip);
        hasher.optional(self.user_agent.as_deref());
        hasher.part(self.application.as_bytes());
        hasher.part(self.request_id.as_bytes());
        // Strings, integers and ids only: RFC 8785 can't refuse them.
        hasher.part(&serde_jcs::to_vec(&self.details).unwrap_or_default());
        hasher.finish()
    }
}

struct Hasher(Context);

impl Hasher {
    fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    fn part(&mut self, bytes: &[u8]) {
        // No part comes near 4 GiB: a request body is bounded at 6 MB by Lambda.
        self.0.update(
            &u32::try_from(bytes.len())
                .unwrap_or(u32::MAX - 1)
                .to_be_bytes(),
        );
        self.0.update(bytes);
    }

    fn text(&mut self, value: impl std::fmt::Display) {
        self.part(value.to_string().as_bytes());
    }

    fn optional(&mut self, value: Option<impl std::fmt::Display>) {
        match value {
            Some(value) => self.text(value),
            None => self.0.update(&u32::MAX.to_be_bytes()),
        }
    }

    fn finish(self) -> [u8; 32] {
        let mut hash = [0; 32];
        hash.copy_from_slice(self.0.finish().as_ref());
        hash
    }
}

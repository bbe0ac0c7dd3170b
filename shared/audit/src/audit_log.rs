//! The audit log as the API returns it.

use domain::time::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use sql::Jsonb;
use uuid::Uuid;

use crate::entry::{Action, Outcome, PurposeOfUse, Relation};
use domain::disclosure::Content;
use domain::ids::{AuditLogId, PatientId, UserId};
use sql::row;

row! {
    /// A row of the audit log. It holds ids instead of clinical data, so reading it discloses no
    /// medical record.
    #[derive(Debug, JsonSchema, Serialize)]
    pub struct AuditLog {
        /// The id of the audit row, a UUID.
        pub id: AuditLogId,
        /// The time of the action (RFC 3339, UTC, to the microsecond).
        pub timestamp: Timestamp,
        /// The user who acted. Null if a function acted without a caller or if the token's subject
        /// has no profile.
        pub user_id: Option<UserId>,
        /// The role in which the user acted, for example `PROVIDER`. Null if the token's subject
        /// has no profile.
        pub actor_role: Option<String>,
        /// The relation to the resource in which the user acted: `SELF`, `CARE`, `REPRESENTATION`,
        /// `EMERGENCY` or `OFFICE`. Null if a function acted without a caller, or if the user was
        /// refused.
        pub relation: Option<Relation>,
        /// The purpose of the action, a code of HL7's value set `PurposeOfUse`, for example `TREAT`.
        /// Null if there is no relation.
        pub purpose_of_use: Option<PurposeOfUse>,
        /// The kind of action, for example `READ`.
        pub action_type: Action,
        /// The kind of resource that the action concerned, for example `PATIENT`.
        pub resource_type: String,
        /// The id of the resource that the action concerned. Null if there was no single one, for
        /// example in a search.
        pub resource_id: Option<Uuid>,
        /// The patient to whom the data belongs. Null if the action concerned no patient or several
        /// patients.
        pub patient_id: Option<PatientId>,
        /// All patients to whom the data belongs. Null unless the action concerned more than one
        /// patient.
        pub patient_ids: Option<Vec<PatientId>>,
        /// The result of the action: success, denial or failure.
        pub outcome: Outcome,
        /// The IP address that the request came from, for example `203.0.113.7`. Null if a function
        /// acted without a request.
        pub source_ip: Option<String>,
        /// The `User-Agent` header of the request. Null if the client sent none.
        pub user_agent: Option<String>,
        /// The name of the function that performed the action, for example `get-patient`.
        pub application: String,
        /// The id of the request. The answer carries it in the `x-request-id` header, and the logs
        /// carry it too. If an event or a schedule started the function, it is the id of the invocation, a
        /// slash and an id of the step.
        pub request_id: String,
        /// The id of the trace that the request belongs to in AWS X-Ray. Null if the request was not
        /// traced.
        pub trace_id: Option<String>,
        /// Further facts by key: ids, field names and counts, but no patient data. An empty object
        /// if there are none.
        pub details: Option<Jsonb<Value>>,
        /// The id of the hash chain that the row belongs to. Each row in a chain contains the hash
        /// of the row before it.
        pub chain_id: Uuid,
        /// The position of the row in its hash chain. The first row has position 1.
        #[schemars(range(min = 0))]
        pub seq: i64,
        /// The SHA-256 hash of the row before it in the chain, as 64 hexadecimal digits. It is all
        /// zeros in the first row.
        pub prev_hash: String,
        /// The SHA-256 hash of this row in its canonical form, as 64 hexadecimal digits.
        pub row_hash: String,
        /// The version of the canonical form that the hash covers.
        #[schemars(range(min = 0))]
        pub form: i16,
        /// The place of the row in its hash chain, as 32 hexadecimal digits. Only the function that wrote the row could
        /// tell it in advance.
        pub place: String,
        /// The Ed25519 signature of `row_hash`, as 128 hexadecimal digits. The function that wrote the row signed it
        /// with a key that is stored nowhere.
        pub signature: String,
    }
}

impl Content for AuditLog {
    // A reader of the log learns which patients were concerned, but sees no data of theirs. If these
    // patients were recorded here, every review would look like an access to every chart.
    fn patients(&self) -> Vec<PatientId> {
        Vec::new()
    }
}

/// A `select` statement for an [`AuditLog`]. The arguments are appended to it, for example a
/// `where` clause.
#[macro_export]
macro_rules! select_audit_log {
    ($($rest:expr),+ $(,)?) => {
        concat!(
            "select id, timestamp, user_id, actor_role, relation::text, purpose_of_use::text, action_type::text,
               resource_type::text, resource_id, patient_id, patient_ids, outcome::text,
               host(source_ip::inet) as source_ip, user_agent, application::text, request_id, trace_id, details, chain_id, seq, encode(prev_hash, 'hex') as prev_hash,
               encode(row_hash, 'hex') as row_hash, form,
               encode(place, 'hex') as place, encode(signature, 'hex') as signature
             from audit_logs ",
            $($rest),+
        )
    };
}

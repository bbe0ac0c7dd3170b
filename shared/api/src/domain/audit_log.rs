//! The audit log as read (seeds A table 7 and B).

use crate::sql::Jsonb;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::audit::{Action, Outcome};
use crate::ids::{AuditLogId, PatientId, UserId};
use crate::reply::Content;
use crate::row;
use crate::time::Timestamp;

row! {
    /// A row of the audit log as answered: ids only, so that reading it discloses no chart.
    #[derive(Debug, JsonSchema, Serialize)]
    pub struct AuditLog {
        /// The row.
        pub id: AuditLogId,
        /// When.
        pub timestamp: Timestamp,
        /// Who.
        pub user_id: Option<UserId>,
        /// In which role.
        pub actor_role: Option<String>,
        /// Did what.
        pub action_type: Action,
        /// To what kind of thing.
        pub resource_type: String,
        /// To which one.
        pub resource_id: Option<Uuid>,
        /// The one patient concerned.
        pub patient_id: Option<PatientId>,
        /// The patients concerned, where there are several.
        pub patient_ids: Option<Vec<PatientId>>,
        /// How it ended.
        pub outcome: Outcome,
        /// From where.
        pub source_ip: Option<String>,
        /// With which client.
        pub user_agent: Option<String>,
        /// Through which function.
        pub application: String,
        /// In which request.
        pub request_id: String,
        /// More, by key.
        pub details: Option<Jsonb<Value>>,
        /// Its chain.
        pub chain_id: Uuid,
        /// Its place there, from 1.
        pub seq: i64,
        /// SHA-256 of the row before it, in hex.
        pub prev_hash: String,
        /// SHA-256 of its canonical form, in hex.
        pub row_hash: String,
    }
}

impl Content for AuditLog {
    // Whoever reads the log learns who was concerned, not their data: naming them here again
    // would make every review look like an access to every chart.
    fn patients(&self) -> Vec<PatientId> {
        Vec::new()
    }
}

/// `select …` of an [`AuditLog`]; goes on with `where` or the like.
#[macro_export]
macro_rules! select_audit_log {
    ($($rest:expr),+ $(,)?) => {
        concat!(
            "select id, timestamp, user_id, actor_role, action_type::text, resource_type, resource_id,
               patient_id, patient_ids, outcome::text, host(source_ip::inet) as source_ip, user_agent,
               application, request_id, details, chain_id, seq, encode(prev_hash, 'hex') as prev_hash,
               encode(row_hash, 'hex') as row_hash
             from audit_logs ",
            $($rest),+
        )
    };
}

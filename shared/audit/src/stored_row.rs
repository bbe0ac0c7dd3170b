//! A row of the audit log as it is stored, with its place in a chain.

use domain::ids::PatientId;
use serde_json::{Map, Value};
use sql::postgres::{Error, Row};
use sql::{FromRow, Jsonb};
use uuid::Uuid;

use crate::entry::Entry;

/// A stored row. It is intact if its hash is that of its content.
#[derive(Debug, Clone)]
pub struct StoredRow {
    /// The content.
    pub entry: Entry,
    /// The id of its chain.
    pub chain_id: Uuid,
    /// Its place in the chain, from 1.
    pub seq: i64,
    /// The hash of the row before it in the chain. All zeros for the first.
    pub prev_hash: [u8; 32],
    /// The stored hash of this row.
    pub row_hash: [u8; 32],
}

impl StoredRow {
    /// Computes the hash again from the stored content.
    pub fn recomputed_hash(&self) -> [u8; 32] {
        self.entry.hash(self.chain_id, self.seq, &self.prev_hash)
    }
}

/// A `select` statement for a [`StoredRow`]. The arguments are appended to it, for example a `where`
/// clause.
#[macro_export]
macro_rules! select_stored_row {
    ($($rest:expr),+ $(,)?) => {
        concat!(
            "select id, timestamp, user_id, actor_role, relation::text, purpose_of_use::text, action_type::text,
               resource_type::text, resource_id, patient_id, patient_ids, outcome::text,
               host(source_ip::inet) as source_ip, user_agent, application::text, request_id, trace_id, details,
               chain_id, seq, prev_hash::bytea, row_hash::bytea
             from audit_logs ",
            $($rest),+
        )
    };
}

impl FromRow for StoredRow {
    fn from_row(row: &Row) -> Result<Self, Error> {
        let mut patients: Vec<PatientId> = row
            .try_get::<_, Option<Vec<PatientId>>>("patient_ids")?
            .unwrap_or_default();
        patients.extend(row.try_get::<_, Option<PatientId>>("patient_id")?);
        let source_ip: Option<String> = row.try_get("source_ip")?;
        let details: Option<Jsonb<Map<String, Value>>> = row.try_get("details")?;
        Ok(Self {
            entry: Entry {
                id: row.try_get("id")?,
                timestamp: row.try_get("timestamp")?,
                user_id: row.try_get("user_id")?,
                actor_role: row.try_get("actor_role")?,
                relation: row.try_get("relation")?,
                purpose_of_use: row.try_get("purpose_of_use")?,
                action_type: row.try_get("action_type")?,
                resource_type: row.try_get("resource_type")?,
                resource_id: row.try_get("resource_id")?,
                patients,
                outcome: row.try_get("outcome")?,
                // An address or hash of another form than functions write makes the recomputed hash differ.
                source_ip: source_ip.and_then(|ip| ip.parse().ok()),
                user_agent: row.try_get("user_agent")?,
                application: row.try_get("application")?,
                request_id: row.try_get("request_id")?,
                trace_id: row.try_get("trace_id")?,
                details: details.map(|Jsonb(details)| details).unwrap_or_default(),
            },
            chain_id: row.try_get("chain_id")?,
            seq: row.try_get("seq")?,
            prev_hash: hash(row, "prev_hash")?,
            row_hash: hash(row, "row_hash")?,
        })
    }
}

fn hash(row: &Row, column: &str) -> Result<[u8; 32], Error> {
    let bytes: Vec<u8> = row.try_get(column)?;
    Ok(bytes.try_into().unwrap_or_default())
}

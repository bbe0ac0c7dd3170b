//! The hash chain of one execution environment: its head in memory, made when first needed, a
//! new one each month.
//!
//! One chain for all writers was measured at 59–71 rows a second, a chain each at about 1,000.

use tokio::sync::{Mutex, MutexGuard};
use uuid::Uuid;

use tokio_postgres::Client;

use crate::Entry;
use domain::ids::PatientId;
use domain::time::Date;
use sql::{Jsonb, Parameter, sql};

/// The chain this environment writes, behind a lock: two rows never take one place.
#[derive(Default)]
pub struct ChainHead(Mutex<Option<Head>>);

/// The last link that is known to have landed.
#[derive(Clone, Debug)]
pub struct Head {
    chain_id: Uuid,
    month: Date,
    seq: i64,
    hash: [u8; 32],
}

/// An entry in its place: what the INSERT writes.
pub struct Link {
    /// What the row says.
    pub entry: Entry,
    /// The month whose partition the row belongs to: its first day, UTC.
    pub month: Date,
    /// The chain.
    pub chain_id: Uuid,
    /// The place in the chain, from 1.
    pub seq: i64,
    /// The hash of the row before it in the chain. All zeros for the first.
    pub prev_hash: [u8; 32],
    /// The hash of this row.
    pub row_hash: [u8; 32],
}

impl ChainHead {
    /// Takes the head for one row. Held until that row's fate is known.
    pub async fn head(&self) -> Place<'_> {
        Place(self.0.lock().await)
    }
}

/// The right to write the next link.
pub struct Place<'a>(MutexGuard<'a, Option<Head>>);

impl Place<'_> {
    /// Puts `entry` behind the head. The head moves only with [`landed`](Self::landed).
    pub fn link(&self, entry: Entry) -> Link {
        // The partition that the row belongs to.
        let month = entry.timestamp.first_of_month();
        let (chain_id, seq, prev_hash) = match &*self.0 {
            Some(head) if head.month == month => (head.chain_id, head.seq + 1, head.hash),
            _ => (Uuid::new_v4(), 1, [0; 32]),
        };
        let row_hash = entry.hash(chain_id, seq, &prev_hash);
        Link {
            entry,
            month,
            chain_id,
            seq,
            prev_hash,
            row_hash,
        }
    }

    /// `link` is in the database: it is the head now. Writes the witness line, which goes to a
    /// log that the database's owner can't change.
    pub fn landed(&mut self, link: &Link) {
        tracing::info!(
            target: "witness",
            chain = %link.chain_id,
            seq = link.seq,
            hash = %hex::encode(link.row_hash),
            "audit row committed"
        );
        *self.0 = Some(Head {
            chain_id: link.chain_id,
            month: link.month,
            seq: link.seq,
            hash: link.row_hash,
        });
    }

    /// What became of a row can't be learnt: its chain ends here, the next row begins another.
    pub fn abandon(&mut self) {
        *self.0 = None;
    }
}

macro_rules! append {
    ($on_conflict:literal) => {
        concat!(
            "insert into audit_logs (
               id, month, timestamp, user_id, actor_role, action_type, resource_type, resource_id,
               patient_id, patient_ids, outcome, source_ip, user_agent, application, request_id,
               details, chain_id, seq, prev_hash, row_hash
             ) values (
               $1, $2, $3, $4, $5, $6::text::audit_action, $7, $8, $9, $10,
               $11::text::audit_outcome, $12::text::cidr, $13, $14, $15,
               nullif($16, '{}'::jsonb), $17, $18, $19, $20
             ) ",
            $on_conflict
        )
    };
}

// Refused where the place is taken, so that the COMMIT behind it rolls back.
const APPEND: &str = append!("");
const FENCE: &str = append!("on conflict do nothing");

impl Link {
    /// The same place with another row in it.
    pub fn with_entry(&self, entry: Entry) -> Self {
        let row_hash = entry.hash(self.chain_id, self.seq, &self.prev_hash);
        Self {
            entry,
            row_hash,
            ..*self
        }
    }

    /// Sends the INSERT. Errors where the place in the chain is taken, as on any other refusal.
    pub async fn append(&self, client: &Client) -> Result<u64, tokio_postgres::Error> {
        self.send(client, APPEND).await
    }

    /// The same, but leaves the place to a row that has it already.
    pub async fn fence(&self, client: &Client) -> Result<u64, tokio_postgres::Error> {
        self.send(client, FENCE).await
    }

    async fn send(&self, client: &Client, text: &str) -> Result<u64, tokio_postgres::Error> {
        let entry = &self.entry;
        let patient_ids = entry.patient_ids().map(<[PatientId]>::to_vec);
        let source_ip = entry.source_ip.map(|ip| ip.to_string());
        let (patient_id, details) = (entry.patient_id(), Jsonb(&entry.details));
        let (prev_hash, row_hash) = (&self.prev_hash[..], &self.row_hash[..]);
        let parameters: [&dyn Parameter; 20] = [
            &entry.id,
            &self.month,
            &entry.timestamp,
            &entry.user_id,
            &entry.actor_role,
            &entry.action_type,
            &entry.resource_type,
            &entry.resource_id,
            &patient_id,
            &patient_ids,
            &entry.outcome,
            &source_ip,
            &entry.user_agent,
            &entry.application,
            &entry.request_id,
            &details,
            &self.chain_id,
            &self.seq,
            &prev_hash,
            &row_hash,
        ];
        sql(text, &parameters).execute(client).await
    }
}

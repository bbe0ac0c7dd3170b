//! The hash chain of one execution environment. Its head is in memory. A chain begins with the
//! environment's first row of a month.
//!
//! Each environment has its own chain because of speed: all writers together wrote 59–71 rows a second
//! to one shared chain, and about 1,000 with a chain each.

use std::sync::Arc;

use tokio::sync::{Mutex, MutexGuard};
use uuid::Uuid;

use errors::Error;
use tokio_postgres::Row;

use crate::canonical::FORM;
use crate::entry::{Entry, Outcome};
use crate::lines;
use crate::signing::Secrets;
use domain::ids::{AuditLogId, PatientId, SubjectId};
use domain::time::{Date, TimeDelta, Timestamp};
use sql::{Connection, Jsonb, Parameter, sql};

/// The head of this environment's chain. A lock prevents two rows from taking the same place.
pub struct ChainHead {
    secrets: Secrets,
    function: &'static str,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    head: Option<Head>,
    sent: Option<Sent>,
}

/// A row whose COMMIT was sent, until it is known whether it is committed. It is kept here so that nothing
/// that ends a request can make the environment forget it.
struct Sent {
    link: Arc<Link>,
    /// The rows that were sent to the same place to find out. At most one of all these rows is committed.
    fences: Vec<Arc<Link>>,
}

/// What became of a row whose COMMIT was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The row is committed, with everything that its transaction did.
    Landed,
    /// A fence has its place, so its transaction had no effect and never will.
    Fenced,
    /// Its transaction had no effect, and no fence says so.
    Void,
}

/// The last link that is known to be committed.
#[derive(Clone, Debug)]
pub struct Head {
    chain_id: Uuid,
    month: Date,
    seq: i64,
    hash: [u8; 32],
}

/// A position in a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The id of the chain.
    pub chain_id: Uuid,
    /// The number of the row in the chain, from 1.
    pub seq: i64,
    /// The hash of the row before it in the chain. All zeros for the first.
    pub prev_hash: [u8; 32],
    /// What only the environment can tell in advance. The unique key contains it, so nobody else can take the place.
    pub place: [u8; 16],
}

/// An entry with its place in a chain, as the INSERT writes it.
pub struct Link {
    /// The content of the row.
    pub entry: Entry,
    /// The first day (UTC) of the month whose partition contains the row.
    pub month: Date,
    /// The position of the row.
    pub position: Position,
    /// The hash of this row.
    pub row_hash: [u8; 32],
    /// The environment's Ed25519 signature of the hash.
    pub signature: [u8; 64],
    /// The caller's sign-in, which proves the actor to the database. None for a function.
    pub subject: Option<SubjectId>,
}

impl ChainHead {
    /// Makes the secrets of this environment. `function` is its name. Errors: the system gives no random bytes.
    pub fn new(function: &'static str) -> Result<Self, Error> {
        let secrets = Secrets::new().map_err(|_| Error::Internal("there are no random bytes"))?;
        Ok(Self {
            secrets,
            function,
            state: Mutex::default(),
        })
    }

    /// Locks the head for one row. The caller holds the lock until it is known whether the row is
    /// committed.
    pub async fn head(&self) -> Place<'_> {
        Place {
            chain: self,
            state: self.state.lock().await,
        }
    }

    /// The entry as a row at this position, signed.
    fn link(
        &self,
        entry: Entry,
        position: Position,
        subject: Option<SubjectId>,
    ) -> Result<Arc<Link>, Error> {
        let row_hash = entry.hash(&position);
        let row_hash =
            row_hash.map_err(|_| Error::Internal("the details of an audit row are not exact"))?;
        Ok(Arc::new(Link {
            month: entry.timestamp.first_of_month(),
            entry,
            position,
            row_hash,
            signature: self.secrets.sign(&row_hash),
            subject,
        }))
    }
}

/// The locked head: the right to write the next link.
pub struct Place<'a> {
    chain: &'a ChainHead,
    state: MutexGuard<'a, State>,
}

impl Place<'_> {
    /// The row whose COMMIT was sent and that isn't settled. No other row may be sent before it is.
    pub fn unsettled(&self) -> Option<Arc<Link>> {
        self.state.sent.as_ref().map(|sent| sent.link.clone())
    }

    /// Links `entry` to the head and remembers it as sent. Logs its offer line, and before it the open line of a new
    /// chain. Call it before anything is sent. Errors: the entry's details can't be hashed.
    pub fn send(&mut self, entry: Entry, subject: Option<SubjectId>) -> Result<Arc<Link>, Error> {
        // The partition that the row belongs to.
        let month = entry.timestamp.first_of_month();
        let (chain_id, seq, prev_hash) = match &self.state.head {
            Some(head) if head.month == month => (head.chain_id, head.seq + 1, head.hash),
            _ => (Uuid::new_v4(), 1, [0; 32]),
        };
        let position = Position {
            chain_id,
            seq,
            prev_hash,
            place: self.chain.secrets.place(chain_id, seq),
        };
        let link = self.chain.link(entry, position, subject)?;
        if seq == 1 {
            lines::opened(
                chain_id,
                self.chain.secrets.public_key(),
                self.chain.function,
            );
        }
        lines::offered(&link);
        self.state.sent = Some(Sent {
            link: link.clone(),
            fences: Vec::new(),
        });
        Ok(link)
    }

    /// Makes a row for the place of the row that was sent: the fence. If the fence of a success is
    /// committed, the success failed. A refusal or a failure stays what it is. None if no row was sent.
    pub fn fence(&mut self) -> Option<Arc<Link>> {
        let sent = self.state.sent.as_mut()?;
        let mut entry = sent.link.entry.clone();
        // The place is in the partition of its month.
        let now = Timestamp::now();
        if now.first_of_month() == sent.link.month {
            entry.timestamp = now;
        }
        entry.id = AuditLogId::of_time(entry.timestamp);
        // The fence's transaction proves who acts, but begins nothing.
        entry.relation = None;
        entry.purpose_of_use = None;
        // The next row counts them, so a fence never fails because another row did.
        entry.details.remove(Entry::LEFT_OUT);
        if entry.outcome == Outcome::Success {
            entry.outcome = Outcome::Failure;
            entry.details.insert("reason".into(), "commit-lost".into());
        }
        let fence = self
            .chain
            .link(entry, sent.link.position, sent.link.subject);
        // The details are those of the row, whose hash was computed.
        let fence = fence.ok()?;
        lines::offered(&fence);
        sent.fences.push(fence.clone());
        Some(fence)
    }

    /// Settles the row that was sent: it is committed. Logs its landed line.
    pub fn confirm(&mut self) {
        if let Some(sent) = self.state.sent.take() {
            self.advance(&sent.link);
        }
    }

    /// Settles the row that was sent: PostgreSQL didn't append it. Its place is free for the next row.
    pub fn withdraw(&mut self) {
        self.state.sent = None;
    }

    /// Settles the row that was sent: it isn't committed and never will be, and nothing is known about its
    /// place. The next row begins another chain.
    pub fn give_up(&mut self) {
        self.state.sent = None;
        self.state.head = None;
    }

    /// Settles the row that was sent by the hash of the committed row at its place. Logs the landed line
    /// of that row, unless another writer wrote it.
    pub fn settle(&mut self, hash: &[u8; 32]) -> Verdict {
        let Some(sent) = self.state.sent.take() else {
            return Verdict::Void;
        };
        if sent.link.row_hash == *hash {
            self.advance(&sent.link);
            return Verdict::Landed;
        }
        match sent.fences.iter().find(|fence| fence.row_hash == *hash) {
            Some(fence) => {
                self.advance(fence);
                Verdict::Fenced
            }
            None => {
                tracing::error!(
                    request_id = sent.link.entry.request_id,
                    "another writer's row is in this audit chain"
                );
                self.give_up();
                Verdict::Void
            }
        }
    }

    /// Makes the committed `link` the head and logs its landed line.
    fn advance(&mut self, link: &Link) {
        lines::landed(link);
        self.state.head = Some(Head {
            chain_id: link.position.chain_id,
            month: link.month,
            seq: link.position.seq,
            hash: link.row_hash,
        });
    }
}

/// The number of columns of `audit_logs`.
const COLUMNS: usize = 26;

/// The call of a function that takes a row, whose parameters begin at `$first`.
fn call(function: &str, first: usize) -> String {
    let columns = (0..COLUMNS).map(|column| {
        let parameter = format!("${}", first + column);
        match column {
            5..=8 | 12 => parameter + "::text",
            13 => parameter + "::text::cidr",
            18 => format!("nullif({parameter}, '{{}}'::jsonb)"),
            _ => parameter,
        }
    });
    let columns: Vec<_> = columns.collect();
    // PostgreSQL assigns `xid`, the last column.
    format!("{function}(row({}, null)::audit_logs)", columns.join(", "))
}

impl Link {
    /// Whether no transaction that wrote the row can still be open. PostgreSQL ends a transaction that waits
    /// for its client or for a statement within a minute.
    pub fn is_old(&self) -> bool {
        Timestamp::now() - self.entry.timestamp > TimeDelta::minutes(5)
    }

    /// Appends the row. Errors: PostgreSQL refuses it, for example because its place is taken.
    pub async fn append(&self, client: &Connection) -> Result<(), tokio_postgres::Error> {
        let text = format!("select {}", call("append_audit", 1));
        self.send(client, &text, &[]).await.map(drop)
    }

    /// Appends the row if `source` gives one, in one statement. `source` is an item of a FROM clause that is
    /// called `read`, and these are its parameters. Returns its row.
    pub async fn append_from(
        &self,
        client: &Connection,
        source: &str,
        parameters: &[&dyn Parameter],
    ) -> Result<Option<Row>, tokio_postgres::Error> {
        let append = call("append_audit", parameters.len() + 1);
        let text = format!("select read.*, {append} from {source}");
        self.send(client, &text, parameters).await
    }

    /// Appends the row unless its place is taken. Returns the hash of the row that has the place. It counts
    /// only once the transaction is committed.
    pub async fn fence(&self, client: &Connection) -> Result<[u8; 32], Error> {
        let text = format!("select {} as hash", call("append_fence", 1));
        let row = self.send(client, &text, &[]).await?;
        let hash = row.map(|row| row.try_get("hash")).transpose()?;
        let hash: Option<Vec<u8>> = hash.flatten();
        hash.and_then(|hash| hash.try_into().ok())
            .ok_or(Error::Internal("no row has this place in the audit chain"))
    }

    /// Sends a statement whose parameters are `before` and the columns of the row.
    async fn send(
        &self,
        client: &Connection,
        text: &str,
        before: &[&dyn Parameter],
    ) -> Result<Option<Row>, tokio_postgres::Error> {
        let entry = &self.entry;
        let patient_ids = entry.patient_ids().map(<[PatientId]>::to_vec);
        let source_ip = entry.source_ip.map(|ip| ip.to_string());
        let (patient_id, details) = (entry.patient_id(), Jsonb(&entry.details));
        let position = &self.position;
        let (prev_hash, row_hash) = (&position.prev_hash[..], &self.row_hash[..]);
        let (place, signature) = (&position.place[..], &self.signature[..]);
        let columns: [&dyn Parameter; COLUMNS] = [
            &entry.id,
            &self.month,
            &entry.timestamp,
            &entry.user_id,
            &entry.actor_role,
            &entry.relation,
            &entry.purpose_of_use,
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
            &entry.trace_id,
            &details,
            &position.chain_id,
            &position.seq,
            &prev_hash,
            &row_hash,
            &FORM,
            &place,
            &signature,
        ];
        let parameters = [before, &columns].concat();
        let rows = sql(text, &parameters).named().query(client).await?;
        Ok(rows.into_iter().next())
    }
}

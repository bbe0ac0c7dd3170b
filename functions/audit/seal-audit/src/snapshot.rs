//! What the database has: the rows that no open transaction can precede, and what is known of their chains.
//!
//! PostgreSQL says below which transaction (`pg_snapshot_xmin`) all are finished: the horizon. Rows of transactions from
//! the last horizon up to this one are new. Each is seen once, whenever it was committed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use audit::Sealable;
use chrono::{DateTime, Utc};
use domain::time::Date;
use errors::Error;
use sql::{Connection, Parameter, row};
use uuid::Uuid;

use crate::chains::Chain;
use crate::statements::{control, query, query_one};

const BEGIN: &str = "begin isolation level repeatable read, read only";

const HORIZON: &str = "select pg_snapshot_xmin(pg_current_snapshot())::text::bigint as horizon, \
    pg_snapshot_xmax(pg_current_snapshot())::text::bigint as end, now() as now";

/// The transaction of the first row that is one too many. Its name differs from the column's, because `order by xid` would
/// otherwise sort all rows by the text of the answer.
const FIRST_TOO_MANY: &str = "select xid::text::bigint as transaction from audit_logs \
    where xid >= $1::bigint::text::xid8 and xid < $2::bigint::text::xid8 order by xid offset $3 limit 1";

const WAITING: &str = "select month, chain_id, since, \
    chain_id = any($1) or exists (select from audit_chains c where c.chain_id = w.chain_id) as is_certified \
    from audit_waiting_chains w order by since";

const CHAINS: &str = "select chain_id, public_key::bytea, function::text, month, sealed_seq, sealed_hash::bytea, \
    is_broken from audit_chains where chain_id = any($1)";

/// The chains with a row at the place after their head that isn't before the horizon.
const COMING: &str = "select h.chain_id from unnest($1::date[], $2::uuid[], $3::bigint[]) as h (month, chain_id, seq) \
    where exists (select from audit_logs a where a.month = h.month and a.chain_id = h.chain_id and a.seq = h.seq \
      and a.xid >= $4::bigint::text::xid8)";

/// The oldest row that isn't before the horizon.
const OLDEST: &str =
    "select timestamp from audit_logs where xid >= $1::bigint::text::xid8 order by xid limit 1";

/// The rows and chains of one batch.
pub struct Snapshot {
    /// All rows of transactions before this one were read, or wait.
    pub horizon: u64,
    /// Whether there are no more rows than these.
    pub is_complete: bool,
    pub rows: BTreeMap<Uuid, Vec<Sealable>>,
    pub chains: HashMap<Uuid, Chain>,
    /// The chains that wait: since when, by id.
    pub waiting: HashMap<Uuid, Waiting>,
    /// Chains whose next row exists but can't be read yet.
    pub coming: BTreeSet<Uuid>,
    /// When the oldest row was written that isn't in these rows.
    pub oldest_left: Option<DateTime<Utc>>,
}

/// A chain with rows that wait.
#[derive(Clone, Copy, Debug)]
pub struct Waiting {
    pub since: DateTime<Utc>,
    /// Whether its rows are in this snapshot.
    pub is_read: bool,
}

/// The rows to read.
pub struct Question<'a> {
    /// The last horizon.
    pub from: u64,
    /// The most new rows.
    pub most: u64,
    /// The chains that open lines announce and the log doesn't have yet.
    pub announced: &'a [Uuid],
    /// Chains that have waited since before this time are read, whether they are announced or not.
    pub waited_enough: DateTime<Utc>,
}

row! {
    pub struct Horizon {
        pub horizon: i64,
        pub end: i64,
        pub now: DateTime<Utc>,
    }
}

row! {
    pub struct Transaction {
        pub transaction: i64,
    }
}

row! {
    pub struct Oldest {
        pub timestamp: DateTime<Utc>,
    }
}

row! {
    pub struct Coming {
        pub chain_id: Uuid,
    }
}

row! {
    pub struct WaitingRow {
        pub month: Date,
        pub chain_id: Uuid,
        pub since: DateTime<Utc>,
        pub is_certified: bool,
    }
}

row! {
    pub struct ChainRow {
        pub chain_id: Uuid,
        pub public_key: Vec<u8>,
        pub function: String,
        pub month: Option<Date>,
        pub sealed_seq: i64,
        pub sealed_hash: Vec<u8>,
        pub is_broken: bool,
    }
}

/// The horizon now. Errors: the database fails.
pub async fn horizon(connection: &Connection) -> Result<Horizon, Error> {
    query_one(connection, HORIZON, &[]).await
}

impl Snapshot {
    /// Reads the rows in one transaction that changes nothing. Errors: the database fails.
    pub async fn read(connection: &Connection, question: &Question<'_>) -> Result<Self, Error> {
        control(connection, BEGIN).await?;
        let snapshot = Self::read_in_transaction(connection, question).await?;
        control(connection, "commit").await?;
        Ok(snapshot)
    }

    async fn read_in_transaction(
        connection: &Connection,
        question: &Question<'_>,
    ) -> Result<Self, Error> {
        let end = horizon(connection).await?.horizon as u64;
        let from = question.from;
        let limits: &[&dyn Parameter] = &[&(from as i64), &(end as i64), &(question.most as i64)];
        let capped: Vec<Transaction> = query(connection, FIRST_TOO_MANY, limits).await?;
        // All rows of a transaction are in one batch.
        let horizon = capped
            .first()
            .map_or(end, |row| (row.transaction as u64).max(from + 1));
        let mut snapshot = Self {
            horizon,
            is_complete: capped.is_empty(),
            rows: BTreeMap::new(),
            chains: HashMap::new(),
            waiting: HashMap::new(),
            coming: BTreeSet::new(),
            oldest_left: None,
        };
        if horizon > from {
            let new = format!(
                "where xid >= '{from}'::xid8 and xid < '{horizon}'::xid8 and not exists \
                 (select from audit_quarantine q where q.row_id = audit_logs.id and q.month = audit_logs.month)"
            );
            Sealable::select(connection, &new, |row| snapshot.add(row)).await?;
        }
        snapshot.read_waiting(connection, question).await?;
        snapshot.read_chains(connection).await?;
        snapshot.look_ahead(connection).await?;
        let oldest: Vec<Oldest> = query(connection, OLDEST, &[&(horizon as i64)]).await?;
        let oldest = oldest.into_iter().map(|row| row.timestamp);
        let waiting = snapshot.waiting.values();
        let waiting = waiting.filter(|waiting| !waiting.is_read);
        let waiting = waiting.map(|waiting| waiting.since).min();
        snapshot.oldest_left = oldest.chain(waiting).min();
        Ok(snapshot)
    }

    fn add(&mut self, row: Sealable) {
        self.rows.entry(row.chain_id).or_default().push(row);
    }

    /// Reads the rows of chains that have waited, if they can be sealed by now or have waited for long enough.
    async fn read_waiting(
        &mut self,
        connection: &Connection,
        question: &Question<'_>,
    ) -> Result<(), Error> {
        let announced = question.announced.to_vec();
        let waiting: Vec<WaitingRow> = query(connection, WAITING, &[&announced]).await?;
        for row in waiting {
            let is_ready = row.is_certified || row.since < question.waited_enough;
            let rows = self.rows.values().map(Vec::len).sum::<usize>() as u64;
            // New rows of a chain that waits are read with the others, or wait with them.
            let new = self.rows.remove(&row.chain_id).unwrap_or_default();
            let is_read = is_ready && rows <= question.most;
            if is_read {
                let WaitingRow {
                    month, chain_id, ..
                } = &row;
                let month = chrono::NaiveDate::from(*month);
                let of_chain = format!(
                    "where month = '{month}' and chain_id = '{chain_id}' and xid < '{}'::xid8 \
                     and coalesce(seq > (select sealed_seq from audit_chains c \
                       where c.chain_id = audit_logs.chain_id and sealed_seq > 0), true) \
                     and not exists (select from audit_quarantine q \
                       where q.row_id = audit_logs.id and q.month = audit_logs.month)",
                    self.horizon
                );
                let mut others = new;
                others.retain(|new| new.month != row.month);
                Sealable::select(connection, &of_chain, |row| others.push(row)).await?;
                self.rows.insert(row.chain_id, others);
            }
            let waiting = Waiting {
                since: row.since,
                is_read,
            };
            self.waiting.insert(row.chain_id, waiting);
        }
        Ok(())
    }

    async fn read_chains(&mut self, connection: &Connection) -> Result<(), Error> {
        let ids: Vec<_> = self.rows.keys().copied().collect();
        let chains: Vec<ChainRow> = query(connection, CHAINS, &[&ids]).await?;
        for row in chains {
            let fixed = |bytes: Vec<u8>| <[u8; 32]>::try_from(bytes).unwrap_or_default();
            let chain = Chain {
                chain_id: row.chain_id,
                public_key: fixed(row.public_key),
                function: row.function,
                month: row.month,
                seq: row.sealed_seq,
                hash: fixed(row.sealed_hash),
                is_broken: row.is_broken,
            };
            self.chains.insert(chain.chain_id, chain);
        }
        Ok(())
    }

    /// Finds chains whose next place is taken by a row that isn't before the horizon: transactions may be numbered in
    /// another order than the rows of their chain.
    async fn look_ahead(&mut self, connection: &Connection) -> Result<(), Error> {
        let (mut months, mut ids, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for (chain_id, rows) in &self.rows {
            let chain = self.chains.get(chain_id);
            let seqs: BTreeSet<_> = rows.iter().map(|row| row.seq).collect();
            let mut place = chain.map_or(0, |chain| chain.seq) + 1;
            while seqs.contains(&place) {
                place += 1;
            }
            if seqs.last().is_some_and(|last| *last > place)
                && let Some(row) = rows.first()
            {
                months.push(chain.and_then(|chain| chain.month).unwrap_or(row.month));
                ids.push(*chain_id);
                places.push(place);
            }
        }
        if ids.is_empty() {
            return Ok(());
        }
        let months: Vec<chrono::NaiveDate> = months.into_iter().map(Into::into).collect();
        let parameters: &[&dyn Parameter] = &[&months, &ids, &places, &(self.horizon as i64)];
        let coming: Vec<Coming> = query(connection, COMING, parameters).await?;
        self.coming.extend(coming.iter().map(|row| row.chain_id));
        Ok(())
    }
}

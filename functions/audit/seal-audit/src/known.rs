//! What the database knows of the log, and whether both fit together.

use api::lambda::Failure;
use chrono::{DateTime, NaiveDate, Timelike as _, Utc};
use domain::time::Date;
use errors::Error;
use sql::{Connection, row};
use transparency_log::batch::Batch;
use transparency_log::leaf::{Incarnation, Leaf};
use transparency_log::log::{Tip, read_batch};
use transparency_log::store::ObjectStore;
use uuid::Uuid;

use crate::apply::{Lost, apply, lost};
use crate::statements::{control, execute, query, query_one};

const NEWEST: &str = "select batch, size, root::bytea, horizon::text::bigint as horizon, sealed_at from audit_seals \
    order by batch desc limit 1";

/// Rows of a batch that another run sealed, or that an earlier run did before it died, may wait.
const REMEMBER_WAITING: &str = "insert into audit_waiting_chains (month, chain_id) \
    select distinct a.month, a.chain_id from audit_logs a left join audit_chains c using (chain_id) \
    where a.xid >= $1::bigint::text::xid8 and a.xid < $2::bigint::text::xid8 and coalesce(a.seq > c.sealed_seq, true) \
      and not exists (select from audit_quarantine q where q.row_id = a.id and q.month = a.month) \
    on conflict do nothing";

/// The first day of the first month after this one that has rows.
const NEXT_MONTH: &str = "select month from audit_logs where month > $1 order by month limit 1";

/// The next thousand chains of a month that have rows, and among them those with rows after their sealed head: they may
/// wait. Each chain is found by one look into the index, so the time doesn't depend on the number of rows.
const REMEMBER_CHAINS: &str = "with recursive found as ( \
      (select a.chain_id from audit_logs a where a.month = $1 and a.chain_id > $2 order by a.chain_id limit 1) \
      union all \
      (select n.chain_id from found f cross join lateral ( \
        select a.chain_id from audit_logs a where a.month = $1 and a.chain_id > f.chain_id order by a.chain_id limit 1) n) \
    ), \
    step as (select chain_id from found limit 1000), \
    remembered as ( \
      insert into audit_waiting_chains (month, chain_id) \
      select $1, s.chain_id from step s left join audit_chains c using (chain_id) \
      where exists (select from audit_logs a \
        where a.month = $1 and a.chain_id = s.chain_id and a.seq > coalesce(c.sealed_seq, 0)) \
      on conflict do nothing \
    ) \
    select (select chain_id from step order by chain_id desc limit 1) as last";

/// A sixtieth of the sealed heads that the database must have. The newest months are never archived.
const LOST_HEADS: &str = "select c.chain_id, c.sealed_seq as seq from audit_chains c \
    where c.sealed_seq > 0 and c.month >= date_trunc('month', now() at time zone 'UTC') - interval '1 month' \
      and get_byte(uuid_send(c.chain_id), 15) % 60 = $1 \
      and not exists (select from audit_logs a \
        where a.month = c.month and a.chain_id = c.chain_id and a.seq = c.sealed_seq and a.row_hash = c.sealed_hash) \
      and not exists (select from audit_sealed_runs r join audit_incarnations i \
        on r.first_leaf + (c.sealed_seq - r.first_seq) >= i.kept_size \
        and r.first_leaf + (c.sealed_seq - r.first_seq) < i.old_size \
        where r.chain_id = c.chain_id and c.sealed_seq between r.first_seq and r.last_seq)";

row! {
    /// The newest batch that the database knows.
    #[derive(Debug)]
    pub struct Known {
        pub batch: i64,
        pub size: i64,
        pub root: Vec<u8>,
        pub horizon: i64,
        pub sealed_at: DateTime<Utc>,
    }
}

row! {
    pub struct Month {
        pub month: Date,
    }
}

row! {
    pub struct Step {
        pub last: Option<Uuid>,
    }
}

impl Known {
    /// Reads it; none if nothing is sealed. Errors: the database fails.
    pub async fn read(connection: &Connection) -> Result<Option<Self>, Error> {
        Ok(query(connection, NEWEST, &[]).await?.pop())
    }

    /// Whether a tree is the one after this batch.
    fn is_at(&self, tree: &transparency_log::tree::Frontier) -> bool {
        self.size as u64 == tree.size() && self.root == tree.root()
    }
}

/// How the log and the database stand to each other.
#[derive(Debug, PartialEq, Eq)]
pub enum Standing {
    /// The database knows the whole log.
    Current,
    /// The database learns the rest of the log in later runs.
    Behind,
    /// The log isn't the one that the database knows.
    Forked,
    /// The database lacks rows that are sealed.
    Restored,
}

/// Takes over the batches that the database doesn't know, as long as `time_left` says so. Errors: the database or the
/// store fails.
pub async fn catch_up(
    connection: &Connection,
    store: &dyn ObjectStore,
    tip: &Tip,
    statement: Option<&Incarnation>,
    time_left: impl Fn() -> bool,
) -> Result<Standing, Failure> {
    let known = Known::read(connection).await?;
    let next = known.as_ref().map_or(0, |known| known.batch as u64 + 1);
    if next > tip.next_number() {
        return Ok(Standing::Forked);
    }
    if next == tip.next_number() {
        return Ok(match known.is_none_or(|known| known.is_at(tip.tree())) {
            true => Standing::Current,
            false => Standing::Forked,
        });
    }
    let first = batch(store, tip, next).await?;
    if known.is_some_and(|known| !known.is_at(first.before())) {
        return Ok(Standing::Forked);
    }
    let mut restores: Option<Vec<Incarnation>> = None;
    for number in next..tip.next_number() {
        if !time_left() {
            return Ok(Standing::Behind);
        }
        let batch = batch(store, tip, number).await?;
        let lacking = lacking(connection, &batch).await?;
        if !lacking.is_empty() {
            let stated = match restores.take() {
                Some(stated) => stated,
                None => stated(store, tip, number, statement).await?,
            };
            if !lacking.iter().all(|leaf| is_stated(*leaf, &stated)) {
                return Ok(Standing::Restored);
            }
            restores = Some(stated);
        }
        if !take_over(connection, &batch, &time_left).await? {
            return Ok(Standing::Behind);
        }
    }
    Ok(Standing::Current)
}

/// Takes over a batch that this run didn't make. Returns false if the time isn't enough. Errors: the database fails.
pub async fn take_over(
    connection: &Connection,
    batch: &Batch,
    time_left: impl Fn() -> bool,
) -> Result<bool, Failure> {
    let is_incarnation = batch
        .leaves()
        .any(|(_, leaf)| matches!(leaf, Leaf::Incarnation(_)));
    // Another database counts its transactions anew, so its rows can't be found by them.
    if is_incarnation && !remember_all_waiting(connection, time_left).await? {
        return Ok(false);
    }
    let from = Known::read(connection).await?;
    let from = from.map_or(0, |known| known.horizon);
    control(connection, "begin").await?;
    if apply(connection, batch).await? && !is_incarnation {
        let horizon = batch.horizon() as i64;
        execute(connection, REMEMBER_WAITING, &[&from, &horizon]).await?;
    }
    control(connection, "commit").await?;
    Ok(true)
}

/// Writes down all chains of the database with rows that aren't sealed, some after the other: a statement may take ten
/// seconds. A chain whose rows are all in quarantine waits until the next look. Returns false if the time isn't enough.
async fn remember_all_waiting(
    connection: &Connection,
    time_left: impl Fn() -> bool,
) -> Result<bool, Error> {
    // All months are later than 1970.
    let mut after = NaiveDate::default();
    loop {
        let month: Vec<Month> = query(connection, NEXT_MONTH, &[&after]).await?;
        let Some(month) = month.first().map(|row| NaiveDate::from(row.month)) else {
            return Ok(true);
        };
        let mut last = Some(Uuid::nil());
        while let Some(chain) = last {
            if !time_left() {
                return Ok(false);
            }
            let step: Step = query_one(connection, REMEMBER_CHAINS, &[&month, &chain]).await?;
            last = step.last;
        }
        after = month;
    }
}

/// The leaves of the batch whose rows the database lacks: the last of each chain.
async fn lacking(connection: &Connection, batch: &Batch) -> Result<Vec<u64>, Failure> {
    let mut leaves = Vec::new();
    for Lost { chain_id, seq } in lost(connection, batch).await? {
        let leaf = batch.leaves().find(|(_, leaf)| {
            matches!(leaf, Leaf::Row(row) if row.chain_id == chain_id && row.seq == seq)
        });
        leaves.extend(leaf.map(|(index, _)| index));
    }
    Ok(leaves)
}

/// What operators stated about restored databases: in the batches from this number on, and now.
async fn stated(
    store: &dyn ObjectStore,
    tip: &Tip,
    from: u64,
    statement: Option<&Incarnation>,
) -> Result<Vec<Incarnation>, Failure> {
    let mut restores: Vec<_> = statement.cloned().into_iter().collect();
    for number in from..tip.next_number() {
        let batch = batch(store, tip, number).await?;
        restores.extend(batch.leaves().filter_map(|(_, leaf)| match leaf {
            Leaf::Incarnation(restore) => Some(restore),
            _ => None,
        }));
    }
    Ok(restores)
}

fn is_stated(leaf: u64, restores: &[Incarnation]) -> bool {
    let mut ranges = restores.iter().map(|restore| &restore.statement);
    ranges.any(|range| (range.kept_size..range.old_size).contains(&leaf))
}

async fn batch(store: &dyn ObjectStore, tip: &Tip, number: u64) -> Result<Batch, Failure> {
    if let Some(newest) = tip.batch()
        && newest.number() == number
    {
        return Ok(newest.clone());
    }
    let batch = read_batch(store, number).await?;
    batch.ok_or_else(|| format!("the batch {number} of the log is missing").into())
}

/// Sealed heads that the database has lost. Each chain is looked at once an hour. Errors: the database fails.
pub async fn lost_heads(connection: &Connection, now: DateTime<Utc>) -> Result<Vec<Lost>, Error> {
    query(connection, LOST_HEADS, &[&(now.minute() as i32)]).await
}

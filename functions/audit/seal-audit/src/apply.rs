//! Takes a batch of the log over into the database. This is the only way in which its tables learn what is sealed, so
//! they can be made again from the batches alone.

use std::collections::BTreeMap;

use api::lambda::Failure;
use chrono::{DateTime, NaiveDate, Utc};
use sql::{Connection, Parameter, row};
use transparency_log::batch::Batch;
use transparency_log::leaf::{Chain, Leaf, Month, Quarantine, Reconciliation, Row};
use uuid::Uuid;

use crate::chains::breaks;
use crate::statements::{execute, query};

/// Takes effect once, and only after the batch before.
const SEAL: &str = "insert into audit_seals (batch, size, root, horizon, sealed_at) \
    select $1, $2, $3, $4::bigint::text::xid8, $5 \
    where $1 = (select coalesce(max(batch), -1) + 1 from audit_seals) on conflict (batch) do nothing";

const CHAINS: &str = "insert into audit_chains (chain_id, public_key, function, version, opened_at) \
    select * from unnest($1::uuid[], $2::bytea[], $3::text[], $4::text[], $5::timestamptz[]) \
    on conflict (chain_id) do nothing";

const RUNS: &str = "insert into audit_sealed_runs (chain_id, first_seq, last_seq, month, first_leaf, batch) \
    select r.*, $6 from unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::date[], $5::bigint[]) r";

const HEADS: &str = "update audit_chains c set month = h.month, sealed_seq = h.seq, sealed_hash = h.hash \
    from unnest($1::uuid[], $2::date[], $3::bigint[], $4::bytea[]) as h (chain_id, month, seq, hash) \
    where c.chain_id = h.chain_id and c.sealed_seq < h.seq";

const BROKEN: &str = "update audit_chains set is_broken = true where chain_id = any($1)";

const QUARANTINE: &str = "insert into audit_quarantine (leaf, batch, reason, month, chain_id, seq, row_id) \
    select q.leaf, $7, q.reason, q.month, q.chain_id, q.seq, q.row_id \
    from unnest($1::bigint[], $2::text[], $3::date[], $4::uuid[], $5::bigint[], $6::uuid[]) \
      as q (leaf, reason, month, chain_id, seq, row_id)";

const RECONCILIATION: &str = "insert into audit_reconciliations \
      (minute, revision, audited, invocations, failed, rows, missing, leaf, batch) \
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
    on conflict (minute) do update set revision = excluded.revision, audited = excluded.audited, \
      invocations = excluded.invocations, failed = excluded.failed, rows = excluded.rows, \
      missing = excluded.missing, leaf = excluded.leaf, batch = excluded.batch \
    where audit_reconciliations.revision < excluded.revision";

const INCARNATION: &str = "insert into audit_incarnations (leaf, batch, old_size, kept_size, database, statement) \
    values ($1, $2, $3, $4, $5, $6)";

/// The last sealed rows of a batch that the database doesn't have. An archived month was compared with the sealed chains
/// before its rows were dropped.
const LOST: &str = "select h.chain_id, h.seq \
    from unnest($1::date[], $2::uuid[], $3::bigint[], $4::bytea[]) as h (month, chain_id, seq, hash) \
    where not exists (select from audit_logs a \
      where a.month = h.month and a.chain_id = h.chain_id and a.seq = h.seq and a.row_hash = h.hash) \
      and not exists (select from audit_archives m where m.month = h.month and m.completed_at is not null)";

row! {
    /// A sealed row that the database doesn't have.
    pub struct Lost {
        pub chain_id: Uuid,
        pub seq: i64,
    }
}

/// What a batch says, as the tables hold it.
#[derive(Default)]
struct Contents {
    chains: Vec<(u64, Chain)>,
    rows: Vec<(u64, Row)>,
    quarantine: Vec<(u64, Quarantine)>,
    reconciliations: Vec<(u64, Reconciliation)>,
    incarnations: Vec<(u64, transparency_log::leaf::Incarnation)>,
}

/// The last row of a chain: month, position and hash.
type Head = (NaiveDate, i64, [u8; 32]);

/// Consecutive rows of a chain that are consecutive leaves.
struct Run {
    chain_id: Uuid,
    first_seq: i64,
    last_seq: i64,
    month: NaiveDate,
    first_leaf: u64,
}

/// Takes the batch over, in the transaction that the caller began. Returns false if it was taken over before, and then
/// changes nothing. Errors: the database fails, or doesn't have the batch before.
pub async fn apply(connection: &Connection, batch: &Batch) -> Result<bool, Failure> {
    let (tree, _) = batch.apply();
    let (number, root) = (batch.number() as i64, tree.root());
    let sealed = execute(
        connection,
        SEAL,
        &[
            &number,
            &(batch.size() as i64),
            &&root[..],
            &(batch.horizon() as i64),
            &time(batch.sealed_at())?,
        ],
    )
    .await?;
    if sealed == 0 {
        return Ok(false);
    }
    let contents = Contents::of(batch);
    contents.write(connection, number).await?;
    Ok(true)
}

/// The last row of each chain in the batch, if the database doesn't have it. Errors: the database fails.
pub async fn lost(connection: &Connection, batch: &Batch) -> Result<Vec<Lost>, Failure> {
    let heads = Contents::of(batch).heads()?;
    let months: Vec<_> = heads.values().map(|(month, ..)| *month).collect();
    let ids: Vec<_> = heads.keys().copied().collect();
    let seqs: Vec<_> = heads.values().map(|(_, seq, _)| *seq).collect();
    let hashes: Vec<&[u8]> = heads.values().map(|(.., hash)| &hash[..]).collect();
    Ok(query(connection, LOST, &[&months, &ids, &seqs, &hashes]).await?)
}

impl Contents {
    fn of(batch: &Batch) -> Self {
        let mut contents = Self::default();
        for (index, leaf) in batch.leaves() {
            match leaf {
                Leaf::Chain(chain) => contents.chains.push((index, chain)),
                Leaf::Row(row) => contents.rows.push((index, row)),
                Leaf::Quarantine(place) => contents.quarantine.push((index, place)),
                Leaf::Reconciliation(minute) => contents.reconciliations.push((index, minute)),
                Leaf::Incarnation(statement) => contents.incarnations.push((index, statement)),
                Leaf::Heads(_) => {}
            }
        }
        contents
    }

    async fn write(&self, connection: &Connection, batch: i64) -> Result<(), Failure> {
        self.write_chains(connection).await?;
        self.write_runs(connection, batch).await?;
        self.write_heads(connection).await?;
        self.write_quarantine(connection, batch).await?;
        for (leaf, minute) in &self.reconciliations {
            let missing: Vec<_> = minute.missing.ids().map(|id| id.as_str()).collect();
            let logged = &minute.logged;
            execute(
                connection,
                RECONCILIATION,
                &[
                    &time(minute.minute * 60_000_000)?,
                    &(minute.revision as i32),
                    &(logged.audited as i64),
                    &(logged.invocations as i64),
                    &(logged.failed as i64),
                    &(minute.rows as i64),
                    &missing,
                    &(*leaf as i64),
                    &batch,
                ],
            )
            .await?;
        }
        for (leaf, incarnation) in &self.incarnations {
            let statement = &incarnation.statement;
            execute(
                connection,
                INCARNATION,
                &[
                    &(*leaf as i64),
                    &batch,
                    &(statement.old_size as i64),
                    &(statement.kept_size as i64),
                    &statement.database,
                    &statement.text.as_str(),
                ],
            )
            .await?;
        }
        Ok(())
    }

    async fn write_chains(&self, connection: &Connection) -> Result<(), Failure> {
        let chains = self.chains.iter().map(|(_, chain)| chain);
        let ids: Vec<_> = chains.clone().map(|chain| chain.chain_id).collect();
        let keys: Vec<&[u8]> = chains.clone().map(|chain| &chain.public_key[..]).collect();
        let functions: Vec<_> = chains
            .clone()
            .map(|chain| chain.function.as_str())
            .collect();
        let versions: Vec<_> = chains.clone().map(|chain| chain.version.as_str()).collect();
        let opened: Result<Vec<_>, _> = chains.map(|chain| time(chain.opened_at)).collect();
        let parameters: &[&dyn Parameter] = &[&ids, &keys, &functions, &versions, &opened?];
        execute(connection, CHAINS, parameters).await?;
        Ok(())
    }

    async fn write_runs(&self, connection: &Connection, batch: i64) -> Result<(), Failure> {
        let mut runs: Vec<Run> = Vec::new();
        for (leaf, row) in &self.rows {
            let month = first_day(row.month)?;
            if let Some(run) = runs.last_mut()
                && (run.chain_id, run.month, run.last_seq + 1) == (row.chain_id, month, row.seq)
                && run.first_leaf + (row.seq - run.first_seq) as u64 == *leaf
            {
                run.last_seq = row.seq;
                continue;
            }
            runs.push(Run {
                chain_id: row.chain_id,
                first_seq: row.seq,
                last_seq: row.seq,
                month,
                first_leaf: *leaf,
            });
        }
        let runs = runs.iter();
        let ids: Vec<_> = runs.clone().map(|run| run.chain_id).collect();
        let first: Vec<_> = runs.clone().map(|run| run.first_seq).collect();
        let last: Vec<_> = runs.clone().map(|run| run.last_seq).collect();
        let months: Vec<_> = runs.clone().map(|run| run.month).collect();
        let leaves: Vec<_> = runs.map(|run| run.first_leaf as i64).collect();
        let parameters: &[&dyn Parameter] = &[&ids, &first, &last, &months, &leaves, &batch];
        execute(connection, RUNS, parameters).await?;
        Ok(())
    }

    async fn write_heads(&self, connection: &Connection) -> Result<(), Failure> {
        let heads = self.heads()?;
        let ids: Vec<_> = heads.keys().copied().collect();
        let months: Vec<_> = heads.values().map(|(month, ..)| *month).collect();
        let seqs: Vec<_> = heads.values().map(|(_, seq, _)| *seq).collect();
        let hashes: Vec<&[u8]> = heads.values().map(|(.., hash)| &hash[..]).collect();
        execute(connection, HEADS, &[&ids, &months, &seqs, &hashes]).await?;
        let broken = self.quarantine.iter().map(|(_, place)| place);
        let broken = broken.filter(|place| breaks(place.reason));
        let broken: Vec<_> = broken.map(|place| place.chain_id).collect();
        execute(connection, BROKEN, &[&broken]).await?;
        Ok(())
    }

    async fn write_quarantine(&self, connection: &Connection, batch: i64) -> Result<(), Failure> {
        let places = self.quarantine.iter();
        let leaves: Vec<_> = places.clone().map(|(leaf, _)| *leaf as i64).collect();
        let places = places.map(|(_, place)| place);
        let reasons: Vec<&str> = places.clone().map(|place| place.reason.into()).collect();
        let months: Result<Vec<_>, _> =
            places.clone().map(|place| first_day(place.month)).collect();
        let ids: Vec<_> = places.clone().map(|place| place.chain_id).collect();
        let seqs: Vec<_> = places.clone().map(|place| place.seq).collect();
        let rows: Vec<_> = places.map(|place| place.row.map(|row| row.id)).collect();
        let parameters: &[&dyn Parameter] =
            &[&leaves, &reasons, &months?, &ids, &seqs, &rows, &batch];
        execute(connection, QUARANTINE, parameters).await?;
        Ok(())
    }

    /// The last row of each chain.
    fn heads(&self) -> Result<BTreeMap<Uuid, Head>, Failure> {
        let mut heads = BTreeMap::new();
        for (_, row) in &self.rows {
            let head = (first_day(row.month)?, row.seq, row.row_hash);
            let known = heads.entry(row.chain_id).or_insert(head);
            if known.1 < row.seq {
                *known = head;
            }
        }
        Ok(heads)
    }
}

/// Microseconds since 1970 as a time. Errors: it is too late for PostgreSQL.
fn time(microseconds: u64) -> Result<DateTime<Utc>, Failure> {
    let time = i64::try_from(microseconds).ok();
    let time = time.and_then(DateTime::from_timestamp_micros);
    Ok(time.ok_or("a leaf names a time that is too late")?)
}

fn first_day(month: Month) -> Result<NaiveDate, Failure> {
    let day = NaiveDate::from_ymd_opt(month.year().into(), month.month().into(), 1);
    Ok(day.ok_or("a leaf names no month")?)
}

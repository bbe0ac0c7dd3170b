//! The statements that read the audit log. The role `caretrail_auditor` may run them all.

use audit::stored_row_columns;
use futures_util::TryStreamExt as _;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, CopyOutStream, Error};
use transparency_log::{Failure, Hash};
use uuid::Uuid;

/// One state of the database for all that follows, as it is when the last of these statements runs. No partition is
/// dropped meanwhile, so each row is here or in an archived month that is listed afterwards.
const BEGIN: &str = "
    begin isolation level repeatable read, read only;
    lock table audit_logs in access share mode;
    select pg_current_snapshot()";

/// All rows, chain by chain. The order is that of the chain's unique key.
const ROWS: &str = concat!(
    "copy (select ",
    stored_row_columns!(),
    " from audit_logs order by month, chain_id, seq, place) to stdout (format binary)"
);

const ROWS_OF_CHAIN: &str = "
    select id, seq, row_hash::bytea, signature::bytea from audit_logs
    where month = any ($1) and chain_id = $2 order by seq, place";

/// How many rows there are, roughly.
const ESTIMATE: &str = "
    select coalesce(sum(greatest(c.reltuples, 0)), 0)::bigint
    from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'audit_logs'::regclass";

const MONTHS: &str = "
    select to_date(right(c.relname, 7), 'YYYY_MM')
    from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'audit_logs'::regclass and c.relname ~ '_\\d{4}_\\d{2}$'";

/// The numbers, from 1, of the committed rows that the log names and the database doesn't have.
pub const LANDED_WITHOUT_ROW: &str = "
    select l.number
    from unnest($1, $2, $3, $4) with ordinality as l (request_id, chain_id, seq, row_hash, number)
    where not exists (
      select from audit_logs a
      where a.request_id = l.request_id and a.chain_id = l.chain_id and a.seq = l.seq and a.row_hash = l.row_hash
    )";

/// The requests without row.
pub const REQUESTS_WITHOUT_ROW: &str = "
    select r.id from unnest($1) as r (id)
    where not exists (select from audit_logs a where a.request_id = r.id)";

/// The invocations of jobs with fewer rows than they committed. A step's request id is that of the invocation, a slash
/// and an id, and the character after the slash is 0.
pub const HANDLED_WITHOUT_ROWS: &str = "
    select h.id, h.rows, found.rows
    from unnest($1, $2) as h (id, rows) cross join lateral (
      select count(*) as rows from audit_logs a
      where a.request_id > h.id || '/' and a.request_id < h.id || '0'
    ) as found
    where found.rows < h.rows";

/// Connects, and begins to read one state of the database. Errors: it can't be reached.
pub async fn snapshot(url: &str, ca_file: Option<&str>) -> Result<Client, Failure> {
    let client = database::connect(url, ca_file).await?;
    client.batch_execute(BEGIN).await?;
    Ok(client)
}

/// All rows, chain by chain, as messages that [`audit::CopiedRow`] reads. Errors: the database can't be read.
pub async fn rows(client: &Client) -> Result<CopyOutStream, Error> {
    client.copy_out(ROWS).await
}

/// About how many rows there are. Errors: the database can't be read.
pub async fn estimate(client: &Client) -> Result<u64, Error> {
    let row = client.query_one(ESTIMATE, &[]).await?;
    let count: i64 = row.try_get(0)?;
    Ok(count.unsigned_abs())
}

/// A row, as the sealed log knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowOfChain {
    /// Its id.
    pub id: Uuid,
    /// Its position in the chain.
    pub seq: i64,
    /// The hash that it names.
    pub row_hash: Hash,
    /// The signature that it names.
    pub signature: [u8; 64],
}

/// The rows of a chain in their order. Rows with a hash or signature of another length are left out. Errors: the database
/// can't be read.
pub async fn rows_of_chain(client: &Client, chain_id: Uuid) -> Result<Vec<RowOfChain>, Error> {
    let months: Vec<chrono::NaiveDate> = client
        .query(MONTHS, &[])
        .await?
        .iter()
        .map(|row| row.try_get(0))
        .collect::<Result<_, _>>()?;
    let parameters: [(&(dyn ToSql + Sync), Type); 2] =
        [(&months, Type::DATE_ARRAY), (&chain_id, Type::UUID)];
    let rows = client.query_typed_raw(ROWS_OF_CHAIN, parameters).await?;
    rows.try_filter_map(async |row| {
        let (row_hash, signature): (&[u8], &[u8]) = (row.try_get(2)?, row.try_get(3)?);
        let (id, seq) = (row.try_get(0)?, row.try_get(1)?);
        Ok(match (row_hash.try_into(), signature.try_into()) {
            (Ok(row_hash), Ok(signature)) => Some(RowOfChain {
                id,
                seq,
                row_hash,
                signature,
            }),
            _ => None,
        })
    })
    .try_collect()
    .await
}

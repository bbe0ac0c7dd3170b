//! Finds an audit row in the database or in an archived month, and its leaf.

use api::prelude::*;
use chrono::{Datelike as _, NaiveDate};
use domain::time::Date;
use sealed_log::{ArchivedPlace, SealedLog};
use sql::row;
use transparency_log::leaf::{Leaf, Month, Row};
use uuid::Uuid;

use crate::DIFFERS;

const GET: &str = "
    select a.month, a.chain_id, a.seq, a.row_hash::bytea, a.signature::bytea,
      run.first_leaf + a.seq - run.first_seq as leaf_index, (select max(batch) from audit_seals) as newest
    from audit_logs a
    left join audit_sealed_runs run on run.chain_id = a.chain_id and a.seq between run.first_seq and run.last_seq
      and run.batch <= coalesce($2, run.batch)
    where a.id = $1 and reach('audit:read') = 'ALL'";

const PLACE: &str = "
    select r.id, r.month, r.part, p.block_offsets[r.block + 1] as block_offset,
      coalesce(p.block_offsets[r.block + 2], p.bytes) - p.block_offsets[r.block + 1] as block_length
    from audit_archive_rows r join audit_archive_parts p using (month, part)
    where r.id = $1 and reach('audit:read') = 'ALL'";

const LEAF: &str = "
    select max(run.first_leaf + $2 - run.first_seq) as leaf_index, (select max(batch) from audit_seals) as newest
    from audit_sealed_runs run
    where run.chain_id = $1 and $2 between run.first_seq and run.last_seq and run.batch <= coalesce($3, run.batch)";

row! {
    /// A row of the audit log, and where it is in the sealed log.
    pub struct Found {
        pub month: Date,
        pub chain_id: Uuid,
        pub seq: i64,
        pub row_hash: Vec<u8>,
        pub signature: Vec<u8>,
        pub leaf_index: Option<i64>,
        pub newest: Option<i64>,
    }
}

row! {
    /// Where a position is in the sealed log.
    pub struct Sealed {
        pub leaf_index: Option<i64>,
        pub newest: Option<i64>,
    }
}

/// Finds the row, and its leaf in the batches up to `batch`. Errors: there is no such row, or S3 doesn't answer.
pub async fn find(
    access: &mut Access<AuditLogId>,
    log: &SealedLog,
    id: AuditLogId,
    batch: Option<i64>,
) -> Result<Found, Error> {
    if let Some(found) = access.optional(sql(GET, &[&id, &batch])).await? {
        return Ok(found);
    }
    let place: ArchivedPlace = access.one(sql(PLACE, &[&id])).await?;
    let block = log.archived_block(&place).await?;
    let row = block
        .row(id)?
        .sealable()
        .map_err(|_| Error::Conflict(DIFFERS))?;
    let sealed: Sealed = access
        .one(sql(LEAF, &[&row.chain_id, &row.seq, &batch]))
        .await?;
    Ok(Found {
        month: row.month,
        chain_id: row.chain_id,
        seq: row.seq,
        row_hash: row.row_hash.to_vec(),
        signature: row.signature.map(Vec::from).unwrap_or_default(),
        leaf_index: sealed.leaf_index,
        newest: sealed.newest,
    })
}

impl Found {
    /// The leaf of the row. None if the row has values that no leaf has.
    pub fn leaf(&self) -> Option<Leaf> {
        let month = NaiveDate::from(self.month);
        Some(Leaf::Row(Row {
            month: Month::new(
                month.year().try_into().ok()?,
                month.month().try_into().ok()?,
            )
            .ok()?,
            chain_id: self.chain_id,
            seq: self.seq,
            row_hash: self.row_hash.clone().try_into().ok()?,
            signature: self.signature.clone().try_into().ok()?,
        }))
    }
}

//! Stores one part of a month, and takes it over into the database.

use api::job::Job;
use api::prelude::*;
use audit_archive::{Part, encode, part_key};
use domain::time::Date;
use sql::row;

use crate::archive::Archive;
use crate::check::{Archivable, digest, fault};
use crate::month::{Next, refused};

const ROWS: &str = "
    select line, is_quarantined, is_sealed, follows, public_key, function from archivable_rows($1, $2, $3, $4, $5)";
const ADD: &str = "
    select add_audit_archive_part(
      $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16
    ) as is_added";

row! {
    /// Whether a run took the part over.
    #[derive(Serialize)]
    pub struct Added {
        /// False if another run did.
        pub is_added: bool,
    }
}

impl Content for Added {
    fn patients(&self) -> Vec<PatientId> {
        Vec::new()
    }
}

/// Stores the next part. Errors: a row may not leave the database, or S3 has something else than the database.
pub async fn store(job: &Job, archive: &Archive, next: &Next) -> Result<(), Error> {
    let number = u32::try_from(next.parts).unwrap_or_default();
    // A run that died may have stored it. Its rows are then those of this part, however many they are.
    let stored = archive.part(next.month, number).await?;
    let limit = stored
        .as_ref()
        .map_or(archive.rows, |part| part.entry().rows as i64);
    let rows = job
        .audited(Search::default(), |access| read(access, next, limit))
        .await?;
    if rows.is_empty() {
        // Another run has archived the month.
        return Ok(());
    }
    let until = archive.lock_until(next.locked_until);
    let part = match stored {
        Some(part) => part,
        None => {
            let bytes = encode(rows.iter().map(|row| row.line.as_str()));
            let bytes = bytes.map_err(|_| Error::Internal("a row is too long for the archive"))?;
            archive
                .create(&part_key(next.month, number), bytes, until)
                .await?;
            let again = archive.part(next.month, number).await?;
            again.ok_or(Error::Unavailable(
                "an object that was stored can't be read",
            ))?
        }
    };
    job.audited(Search::default(), |access| {
        add(access, next, &part, &rows, until)
    })
    .await
}

async fn read(
    mut access: Access<Search>,
    next: &Next,
    limit: i64,
) -> Result<Vec<Archivable>, Error> {
    let place = next.after_place.as_deref();
    access
        .all(sql(
            ROWS,
            &[
                &next.month,
                &next.after_chain,
                &next.after_seq,
                &place,
                &limit,
            ],
        ))
        .await
}

/// Compares the part that S3 has with the rows, and takes it over.
async fn add(
    mut access: Access<Search>,
    next: &Next,
    part: &Part,
    rows: &[Archivable],
    until: Timestamp,
) -> Result<(), Error> {
    note(&mut access, next.month, Some(next.parts));
    if !part.lines().eq(rows.iter().map(|row| row.line.as_str())) {
        return Err(Error::Internal("S3 has other rows than the database"));
    }
    if let Some(fault) = rows.iter().find_map(fault) {
        return Err(Error::Internal(fault));
    }
    let entry = part.entry();
    let digest = digest(part.lines()).map_err(Error::Internal)?;
    let offsets: Vec<_> = part
        .blocks()
        .iter()
        .map(|block| block.offset as i64)
        .collect();
    let block_rows: Vec<_> = part
        .blocks()
        .iter()
        .map(|block| block.rows as i64)
        .collect();
    let (first, last) = (entry.first, entry.last);
    let added: Added = access
        .one(sql(
            ADD,
            &[
                &next.month,
                &next.parts,
                &(entry.rows as i64),
                &(entry.bytes as i64),
                &&entry.sha256[..],
                &&entry.root[..],
                &&digest[..],
                &first.chain_id,
                &first.seq,
                &&first.place[..],
                &last.chain_id,
                &last.seq,
                &&last.place[..],
                &offsets,
                &block_rows,
                &until,
            ],
        ))
        .await
        .on_constraints(refused)?;
    if added.is_added {
        access.add_note("rows", entry.rows);
        access.add_note("sha256", audit_archive::hex(&entry.sha256));
        access.commit(Json(added)).await?;
    }
    Ok(())
}

/// Names the month, and the part, in the audit row.
pub fn note(access: &mut Access<Search>, month: Date, part: Option<i32>) {
    access.add_note("month", month.to_string());
    if let Some(part) = part {
        access.add_note("part", part);
    }
}

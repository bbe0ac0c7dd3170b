//! Archives whole months: part by part, and then the manifest. The rows are dropped last.

use std::time::Duration;

use api::job::Job;
use api::prelude::*;
use audit_archive::{Key, Manifest, PartEntry, manifest, manifest_key};
use domain::time::Date;
use sql::row;
use uuid::Uuid;

use crate::ENOUGH;
use crate::archive::{Archive, unreachable};
use crate::check::digest;
use crate::part::{note, store};

/// How often a run asks for the locks with which it drops a month, and how long it waits in between.
const TRIES: usize = 20;
const PAUSE: Duration = Duration::from_secs(1);

const NEXT: &str = "
    select month, parts, after_chain, after_seq, after_place, has_more, locked_until from next_audit_archive($1)";
const BEGIN: &str = "select begin_audit_archive($1, $2) as is_done";
const ENTRIES: &str = "
    select part, rows, bytes, sha256, root, first_chain, first_seq, first_place, last_chain, last_seq, last_place,
      is_confirmed
    from audit_archive_entries($1)";
const CONFIRM: &str = "select confirm_audit_archive_part($1, $2, $3) as is_done";
const FINISH: &str = "select finish_audit_archive($1, $2, $3, $4, $5) as is_done";

row! {
    /// The oldest month to archive, and how far its archive is.
    pub struct Next {
        /// Its first day.
        pub month: Date,
        /// The number of parts that are stored.
        pub parts: i32,
        /// The chain of the last row that is stored. None if there is none.
        pub after_chain: Option<Uuid>,
        /// The position of that row.
        pub after_seq: Option<i64>,
        /// The place of that row.
        pub after_place: Option<Vec<u8>>,
        /// Whether there are more rows.
        pub has_more: bool,
        /// The end of the month's retention.
        pub locked_until: Timestamp,
    }
}

row! {
    /// A part that is stored.
    pub struct Entry {
        pub part: i32,
        pub rows: i64,
        pub bytes: i64,
        pub sha256: Vec<u8>,
        pub root: Vec<u8>,
        pub first_chain: Uuid,
        pub first_seq: i64,
        pub first_place: Vec<u8>,
        pub last_chain: Uuid,
        pub last_seq: i64,
        pub last_place: Vec<u8>,
        pub is_confirmed: Option<bool>,
    }
}

row! {
    /// Whether a step took effect. None if it must be tried again.
    #[derive(Serialize)]
    pub struct Step {
        pub is_done: Option<bool>,
    }
}

impl Content for Step {
    fn patients(&self) -> Vec<PatientId> {
        Vec::new()
    }
}

/// Archives one month after the other, as long as there is time. Errors: a month can't be archived. Those after it wait.
pub async fn archive_all(job: &Job, archive: &Archive) -> Result<(), Error> {
    while job.has_time(ENOUGH) {
        let next = job
            .audited(Search::default(), |mut access| async move {
                access.optional(sql(NEXT, &[&archive.months])).await
            })
            .await?;
        let Some(next) = next else {
            return Ok(());
        };
        let done = archive_next(job, archive, &next).await;
        if let Err(Error::Internal(reason)) = &done {
            tracing::error!(month = %next.month, reason, "a month of the audit log could not be archived");
        }
        if !done? {
            return Ok(());
        }
    }
    Ok(())
}

/// Does the next step of a month. Returns false if it must wait for the next run.
async fn archive_next(job: &Job, archive: &Archive, next: &Next) -> Result<bool, Error> {
    if next.parts == 0 {
        let begin = |access| async {
            step(access, next.month, BEGIN, &[&next.month, &archive.months]).await
        };
        job.audited(Search::default(), begin).await?;
    }
    if next.has_more {
        store(job, archive, next).await?;
        return Ok(true);
    }
    let entries = entries(job, next.month).await?;
    for (entry, (part, is_confirmed)) in &entries {
        if *is_confirmed {
            continue;
        }
        if !job.has_time(ENOUGH) {
            return Ok(false);
        }
        confirm(job, archive, next.month, *part, entry).await?;
    }
    let parts = entries.into_iter().map(|(entry, _)| entry).collect();
    finish(job, archive, next, Manifest::of(next.month, parts)).await
}

async fn entries(job: &Job, month: Date) -> Result<Vec<(PartEntry, (i32, bool))>, Error> {
    let read = |mut access: Access<Search>| async move {
        access.all::<Entry>(sql(ENTRIES, &[&month])).await
    };
    let rows = job.audited(Search::default(), read).await?;
    let entries = rows.into_iter().map(|row| {
        let (part, is_confirmed) = (row.part, row.is_confirmed == Some(true));
        Some((row.entry()?, (part, is_confirmed)))
    });
    entries.collect::<Option<_>>().ok_or(Error::Internal(
        "a stored part has a hash of another length",
    ))
}

impl Entry {
    /// What the manifest says of the part. None if a hash has another length than it must have.
    fn entry(self) -> Option<PartEntry> {
        let key = |chain_id, seq, place: Vec<u8>| {
            Some(Key {
                chain_id,
                seq,
                place: place.try_into().ok()?,
            })
        };
        Some(PartEntry {
            rows: self.rows.unsigned_abs(),
            bytes: self.bytes.unsigned_abs(),
            sha256: self.sha256.try_into().ok()?,
            root: self.root.try_into().ok()?,
            first: key(self.first_chain, self.first_seq, self.first_place)?,
            last: key(self.last_chain, self.last_seq, self.last_place)?,
        })
    }
}

/// Reads a part again, and compares it with the rows and with what was written down of it.
async fn confirm(
    job: &Job,
    archive: &Archive,
    month: Date,
    part: i32,
    entry: &PartEntry,
) -> Result<(), Error> {
    let number = u32::try_from(part).unwrap_or_default();
    let stored = archive.part(month, number).await?;
    let confirm = |mut access: Access<Search>| async move {
        note(&mut access, month, Some(part));
        let stored =
            stored.ok_or_else(|| Error::Internal("an object of the archive is missing"))?;
        if entry.check(&stored).is_err() {
            return Err(Error::Internal("an object of the archive was replaced"));
        }
        let digest = digest(stored.lines()).map_err(Error::Internal)?;
        step(access, month, CONFIRM, &[&month, &part, &&digest[..]]).await
    };
    job.audited(Search::default(), confirm).await?;
    Ok(())
}

/// Stores the manifest, and drops the rows. Returns false if requests kept the tables locked.
async fn finish(
    job: &Job,
    archive: &Archive,
    next: &Next,
    written: Manifest,
) -> Result<bool, Error> {
    let until = archive.lock_until(next.locked_until);
    let key = manifest_key(next.month);
    archive.create(&key, written.encode(), until).await?;
    let stored = manifest(&archive.store, next.month).await;
    let stored = stored.map_err(|error| unreachable(&error))?;
    let is_same = stored.as_ref() == Some(&written);
    let (rows, parts) = (written.rows as i64, written.parts.len() as i32);
    for _ in 0..TRIES {
        let written = &written;
        let finish = |mut access: Access<Search>| async move {
            if !is_same {
                note(&mut access, next.month, None);
                return Err(Error::Internal("S3 has another manifest of the month"));
            }
            access.add_note("rows", rows);
            access.add_note("parts", parts);
            access.add_note("root", audit_archive::hex(&written.root));
            let parameters: &[&dyn sql::Parameter] = &[
                &next.month,
                &archive.months,
                &rows,
                &parts,
                &&written.root[..],
            ];
            step(access, next.month, FINISH, parameters).await
        };
        if job.audited(Search::default(), finish).await? {
            tracing::info!(month = %next.month, rows, parts, "a month of the audit log was archived");
            return Ok(true);
        }
        if !job.has_time(ENOUGH) {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    tracing::info!(month = %next.month, "a month of the audit log could not be dropped while requests read it");
    Ok(false)
}

/// Runs a step and records it. Returns false, and records nothing, if it must be tried again.
async fn step(
    mut access: Access<Search>,
    month: Date,
    statement: &str,
    parameters: &[&dyn sql::Parameter],
) -> Result<bool, Error> {
    note(&mut access, month, None);
    let done: Step = access
        .one(sql(statement, parameters))
        .await
        .on_constraints(refused)?;
    let Some(is_done) = done.is_done else {
        return Ok(false);
    };
    // Another run may have finished the month: nothing is recorded twice.
    if is_done {
        access.commit(Json(done)).await?;
    }
    Ok(true)
}

/// Why the database refuses a step. Nothing of the month is dropped until somebody has looked.
pub fn refused(constraint: &str) -> Option<Error> {
    Some(Error::Internal(match constraint {
        "audit_archive_too_early" => "the month is not old enough",
        "audit_archive_rows_wait" => "rows of the month wait to be sealed",
        "audit_archive_differs" => "S3 has other rows than the database",
        "audit_archive_incomplete" => "a row or the end of a chain is missing in the archive",
        _ => return None,
    }))
}

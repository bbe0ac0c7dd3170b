//! What becomes of a file: the steps that process-upload, process-scan-result and expire-uploads
//! share, so that each of them leads to the same state.
//!
//! Every step is a transaction that takes the row only in a state before it: events may come twice,
//! late, in any order or not at all. No transaction is open while an object is read.

use shared::domain::file::{FileMetadata, FileScan, FileStatus};
use shared::job::Job;
use shared::prelude::*;
use shared::select_file;
use shared::sql::Parameter;

use crate::scanner::{self, Finding};
use crate::{Arrived, Declared, Inspected, Location, Verdict, store};

// The expression is named as the table it updates, so that what follows reads the updated row.
// EXPIRED too: the upload ended late after all. What a scanner said of another version is void; what
// an inspection did, in any case: until the next one ends, no scanner's word lets it be read.
const TAKE: &str = concat!(
    "with file_metadata as (
       update file_metadata set status = 'SCANNING', status_reason = null, upload_date = $4,
         object_version = $5, inspected_at = null,
         scan = case when object_version is distinct from $5 then 'UNSCANNED' else scan end
       where id = $1 and bucket = $2 and file_path = $3
         and status in ('PENDING', 'SCANNING', 'EXPIRED') and not is_archived
       returning *
     ) ",
    select_file!("")
);
const REJECT: &str = concat!(
    "with file_metadata as (
       update file_metadata set status = 'REJECTED', status_reason = $2
       where id = $1 and status = 'SCANNING' and object_version is not distinct from $3
       returning *
     ) ",
    select_file!("")
);
// A scanner's event may have been faster; of two words the graver stands.
const ACCEPT: &str = concat!(
    "with file_metadata as (
       update file_metadata set
         inspected_at = now(),
         scan = greatest(scan, $2::text::file_scan),
         status = case greatest(scan, $2::text::file_scan)
           when 'INFECTED' then 'QUARANTINED' when 'CLEAN' then 'AVAILABLE'
           else $3::text::file_status end,
         status_reason = case greatest(scan, $2::text::file_scan)
           when 'INFECTED' then 'malware' when 'CLEAN' then null else $4 end
       where id = $1 and status = 'SCANNING' and object_version is not distinct from $5
       returning *
     ) ",
    select_file!("")
);
// Malware in any version ends every state; the rest counts only for a file that waits for it, and for
// the version that is or will be checked.
const RESULT: &str = concat!(
    "with file_metadata as (
       update file_metadata set
         scan = greatest(scan, $4::text::file_scan),
         object_version = coalesce(object_version, $8),
         upload_date = case when greatest(scan, $4::text::file_scan) = 'INFECTED'
           then coalesce(upload_date, $7) else upload_date end,
         status = case
           when greatest(scan, $4::text::file_scan) = 'INFECTED' then 'QUARANTINED'
           when inspected_at is null or (status <> 'SCANNING' and status_reason is distinct from 'unscanned')
             then status
           when greatest(scan, $4::text::file_scan) = 'CLEAN' then 'AVAILABLE'
           else $5::text::file_status end,
         status_reason = case
           when greatest(scan, $4::text::file_scan) = 'INFECTED' then 'malware'
           when inspected_at is null or (status <> 'SCANNING' and status_reason is distinct from 'unscanned')
             then status_reason
           when greatest(scan, $4::text::file_scan) = 'CLEAN' then null
           else $6 end
       where id = $1 and bucket = $2 and file_path = $3 and scan <> 'INFECTED'
         and ($4 = 'INFECTED' or object_version is null or object_version = $8)
       returning *
     ) ",
    select_file!("")
);
const GIVE_UP: &str = concat!(
    "with file_metadata as (
       update file_metadata set status = $2::text::file_status, status_reason = $3
       where id = $1 and status = 'SCANNING' and inspected_at is not null and scan = 'UNSCANNED'
       returning *
     ) ",
    select_file!("")
);
const EXPIRE: &str = concat!(
    "with file_metadata as (
       update file_metadata set status = 'EXPIRED', status_reason = 'never-uploaded'
       where id = $1 and status = 'PENDING' and expires_at < now()
       returning *
     ) ",
    select_file!("")
);
const LOSE: &str = concat!(
    "with file_metadata as (
       update file_metadata set status = 'QUARANTINED', status_reason = 'object-missing'
       where id = $1 and status in ('SCANNING', 'AVAILABLE')
       returning *
     ) ",
    select_file!("")
);

/// Whether an object was where a row says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It was; the row is where it belongs.
    There,
    /// It wasn't, and nothing was changed.
    Absent,
}

/// Checks the object against what was announced and lets it be read, or not. Changes nothing where
/// no row awaits it, or where an event is about a `version` that was replaced: the newer one has an
/// event of its own.
pub async fn process(
    job: &Job,
    id: FileId,
    location: &Location,
    version: Option<&str>,
) -> Result<Presence, Error> {
    let (presence, taken) = job
        .audited(id, |access| take(access, location, version))
        .await?;
    if let Some((arrived, declared)) = taken {
        job.audited(id, |access| conclude(access, location, arrived, declared))
            .await?;
    }
    Ok(presence)
}

/// Takes note of what a scanner said in an event about the object with this entity tag, in this
/// version where the bucket keeps versions.
pub async fn scanned(
    job: &Job,
    id: FileId,
    location: &Location,
    tag: &str,
    version: Option<&str>,
    finding: Finding,
) -> Result<(), Error> {
    let (status, reason) = scanner::policy()?.unscanned(&Finding::Unscanned);
    job.audited(id, async |mut access| {
        let Some(arrived) = store()?.arrived(&access, location, version).await? else {
            return Ok(());
        };
        if !arrived.is_tagged(tag) {
            tracing::warn!("a scan result is about another content");
            return Ok(());
        }
        let (bucket, key) = (&location.bucket, &location.key);
        let scan = finding.scan();
        let (at, version) = (&arrived.at, &arrived.version);
        let parameters: [&dyn Parameter; 8] =
            [&id, bucket, key, &scan, &status, &reason, at, version];
        let file = access.optional(sql(RESULT, &parameters)).await?;
        note(access, file, Some(&finding)).await
    })
    .await
}

/// Ends the waiting for a scanner's event: the policy decides.
pub async fn give_up_scan(job: &Job, id: FileId) -> Result<(), Error> {
    let (status, reason) = scanner::policy()?.unscanned(&Finding::Unscanned);
    job.audited(id, async |mut access| {
        let file = access
            .optional(sql(GIVE_UP, &[&id, &status, &reason]))
            .await?;
        note(access, file, None).await
    })
    .await
}

/// Ends the waiting for an upload.
pub async fn expire(job: &Job, id: FileId) -> Result<(), Error> {
    job.audited(id, async |mut access| {
        let file = access.optional(sql(EXPIRE, &[&id])).await?;
        note(access, file, None).await
    })
    .await
}

/// Keeps a file from being offered whose object is gone: a row never points at nothing.
pub async fn lose(job: &Job, id: FileId) -> Result<(), Error> {
    tracing::error!(file = %id, "a file without its object");
    job.audited(id, async |mut access| {
        let file = access.optional(sql(LOSE, &[&id])).await?;
        note(access, file, None).await
    })
    .await
}

type Taken = (Presence, Option<(Arrived, Declared)>);

/// Takes the row up; none where no row awaits this object, or the object is not there.
async fn take(
    mut access: Access<FileId>,
    location: &Location,
    version: Option<&str>,
) -> Result<Taken, Error> {
    let Some(arrived) = store()?.arrived(&access, location, None).await? else {
        return Ok((Presence::Absent, None));
    };
    if version.is_some() && arrived.version.is_some() && version != arrived.version.as_deref() {
        tracing::info!(file = %access.granted(), "an event about a version that was replaced");
        return Ok((Presence::There, None));
    }
    let id = *access.granted();
    let Some(file) = access
        .optional::<FileMetadata>(sql(
            TAKE,
            &[
                &id,
                &location.bucket,
                &location.key,
                &arrived.at,
                &arrived.version,
            ],
        ))
        .await?
    else {
        return Ok((Presence::There, None));
    };
    let declared = Declared::of(&file)?;
    note(access, Some(file), None).await?;
    Ok((Presence::There, Some((arrived, declared))))
}

async fn conclude(
    mut access: Access<FileId>,
    location: &Location,
    arrived: Arrived,
    declared: Declared,
) -> Result<(), Error> {
    let policy = scanner::policy()?;
    let Inspected { verdict, finding } = store()?
        .inspect(
            &access,
            location,
            &arrived,
            &declared,
            policy.scanner().await?,
        )
        .await?;
    let id = *access.granted();
    // No row: another delivery of the event was faster, or the object was replaced.
    let file: Option<FileMetadata> = match (verdict, &finding) {
        // Malware is kept back as such, whatever else is wrong with it.
        (Verdict::Rejected(rejection), finding) if finding.scan() != FileScan::Infected => {
            access
                .optional(sql(REJECT, &[&id, &rejection.code(), &arrived.version]))
                .await?
        }
        _ => {
            let (status, reason) = policy.unscanned(&finding);
            access
                .optional(sql(
                    ACCEPT,
                    &[&id, &finding.scan(), &status, &reason, &arrived.version],
                ))
                .await?
        }
    };
    note(access, file, Some(&finding)).await
}

/// Commits what became of the file, if anything did.
async fn note(
    mut access: Access<FileId>,
    file: Option<FileMetadata>,
    finding: Option<&Finding>,
) -> Result<(), Error> {
    let Some(file) = file else {
        return Ok(());
    };
    access.note("status", file.status.label());
    if file.status != FileStatus::Scanning || file.status_reason.is_some() {
        access.note("status_reason", file.status_reason.clone());
        access.note("scan", file.scan.label());
    }
    if let Some(Finding::Infected(name)) = finding {
        access.note("threat", name.clone());
        tracing::warn!(file = %file.id, threat = name, "malware was uploaded");
    }
    access.commit(Json(file)).await?;
    Ok(())
}

//! S3 event, an object was created: checks it against what was announced and lets it be read, or
//! not.
//!
//! PENDING → SCANNING → AVAILABLE or REJECTED, each step a transaction that takes the row only in
//! the state before it, so that an event may come twice, late or in any order. No transaction is
//! open while the object is read. A run that ends in between leaves SCANNING, which the event's
//! next delivery takes up.

use aws_lambda_events::s3::{S3Entity, S3Event};
use documents::{Arrived, Declared, Location, Verdict, store};
use shared::domain::file::{FileMetadata, FileStatus};
use shared::job::Job;
use shared::prelude::*;
use shared::select_file;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint {
    name: "process-upload",
    permission: "files:process",
    action: Action::Process,
    resource: ResourceType::File,
};

// The expression is named as the table it updates, so that what follows reads the updated row.
const TAKE: &str = concat!(
    "with file_metadata as (
       update file_metadata set status = 'SCANNING', upload_date = $4
       where id = $1 and bucket = $2 and file_path = $3
         and status in ('PENDING', 'SCANNING') and not is_archived
       returning *
     ) ",
    select_file!("")
);
const CONCLUDE: &str = concat!(
    "with file_metadata as (
       update file_metadata set status = $2::text::file_status, status_reason = $3
       where id = $1 and status = 'SCANNING'
       returning *
     ) ",
    select_file!("")
);

/// Processes each object of the event. Errors: one of them failed; the others are done, and doing
/// them again changes nothing.
pub async fn handle(job: Job) -> Result<(), Error> {
    let event: S3Event = job.event()?;
    let mut result = Ok(());
    for S3Entity { bucket, object, .. } in event.records.into_iter().map(|record| record.s3) {
        let announced = store()?.announced(bucket.name.as_deref(), object.key.as_deref());
        if let Some((id, location)) = announced {
            result = process(&job, id, &location).await.and(result);
        }
    }
    result
}

async fn process(job: &Job, id: FileId, location: &Location) -> Result<(), Error> {
    let taken = job.audited(id, |access| take(access, location)).await?;
    let Some((arrived, declared)) = taken else {
        return Ok(());
    };
    job.audited(id, |access| conclude(access, location, arrived, declared))
        .await
}

/// Takes the row up; none where no row awaits this object, or the object is not there.
async fn take(
    mut access: Access<FileId>,
    location: &Location,
) -> Result<Option<(Arrived, Declared)>, Error> {
    let Some(arrived) = store()?.arrived(&access, location).await? else {
        return Ok(None);
    };
    let id = *access.granted();
    let Some(file) = access
        .optional::<FileMetadata>(sql(
            TAKE,
            &[&id, &location.bucket, &location.key, &arrived.at],
        ))
        .await?
    else {
        return Ok(None);
    };
    let declared = declared(&file)?;
    access.note("status", file.status.label());
    access.commit(Json(file)).await?;
    Ok(Some((arrived, declared)))
}

async fn conclude(
    mut access: Access<FileId>,
    location: &Location,
    arrived: Arrived,
    declared: Declared,
) -> Result<(), Error> {
    let verdict = store()?
        .inspect(&access, location, &arrived, &declared)
        .await?;
    let (status, reason) = match verdict {
        Verdict::Sound => (FileStatus::Available, None),
        Verdict::Rejected(rejection) => (FileStatus::Rejected, Some(rejection.code())),
    };
    let id = *access.granted();
    // None: another delivery of the event was faster.
    if let Some(file) = access
        .optional::<FileMetadata>(sql(CONCLUDE, &[&id, &status, &reason]))
        .await?
    {
        access.note("status", status.label());
        access.note("status_reason", reason);
        access.commit(Json(file)).await?;
    }
    Ok(())
}

fn declared(file: &FileMetadata) -> Result<Declared, Error> {
    match (file.file_type.parse(), file.sha256.parse()) {
        (Ok(file_type), Ok(sha256)) => Ok(Declared {
            file_type,
            size: file.file_size,
            sha256,
        }),
        _ => Err(Error::Internal("a stored file is of no kept type")),
    }
}

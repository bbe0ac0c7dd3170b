//! Schedule, every five minutes: moves overdue files to their next state, and compares rows with objects.
//!
//! It processes an upload if its event was lost or its processing crashed. It expires uploads that never
//! arrived and aborts their parts. It compares a part of the bucket with the rows: a random part each time,
//! and all of it while the bucket is small.

mod bucket;
mod ended;

use api::job::Job;
use api::prelude::*;
use files::processing::{Presence, Processor};
use files::{Location, ScanPolicy, Store};
use sql::postgres::{Error as RowError, Row};
use sql::{FromRow, Statement};
use uuid::Uuid;

pub const ENDPOINT: Endpoint = Endpoint::schedule("every five minutes")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Moves overdue files to their next state, and compares rows with objects")
    .needs("files:process")
    .recorded_as(Action::Process, ResourceType::File);

/// The number of rows that one statement reads.
const ROWS: i64 = 100;

// PENDING: an upload may begin shortly before its URL expires, and takes time. SCANNING: process-upload
// is tried three times, for at most five minutes each. A scanner's event arrives within minutes of the
// inspection or not at all. Its hour is not counted from `upload_date`, because S3 dates an upload in
// parts by its beginning, which may be hours ago.
const DUE: &str = "
    select id, bucket, file_path, status = 'PENDING' as is_pending,
      status = 'SCANNING' and inspected_at is not null as is_sound,
      coalesce(inspected_at < now() - interval '1 hour', false) as is_given_up
    from file_metadata
    where not is_archived
      and ((status = 'PENDING' and expires_at < now() - interval '10 minutes')
        or (status = 'SCANNING' and upload_date < now() - interval '20 minutes'))
    order by created_at, id
    limit $1";

/// A file and the location of its object.
struct FileLocation {
    id: FileId,
    location: Location,
}

impl FromRow for FileLocation {
    fn from_row(row: &Row) -> Result<Self, RowError> {
        Ok(Self {
            id: row.try_get("id")?,
            location: Location::from_row(row)?,
        })
    }
}

struct Due {
    file: FileLocation,
    is_pending: bool,
    /// The inspection is done, and only the scanner's event is missing.
    is_sound: bool,
    is_given_up: bool,
}

impl FromRow for Due {
    fn from_row(row: &Row) -> Result<Self, RowError> {
        Ok(Self {
            file: FileLocation::from_row(row)?,
            is_pending: row.try_get("is_pending")?,
            is_sound: row.try_get("is_sound")?,
            is_given_up: row.try_get("is_given_up")?,
        })
    }
}

/// Does all steps. Errors: a step failed. The other steps are done.
pub async fn handle(
    job: Job,
    Configured(store): Configured<Store>,
    Configured(policy): Configured<ScanPolicy>,
) -> Result<(), Error> {
    let processor = Processor {
        job: &job,
        store,
        policy,
    };
    let mut result = Ok(());
    for due in read::<Due>(&job, sql(DUE, &[&ROWS])).await? {
        result = finish(&processor, &due).await.and(result);
    }
    result = ended::abort_uploads(&processor).await.and(result);
    result = bucket::mark_archived(&processor).await.and(result);
    // Keys begin with the owner's id and those are random, so a random id begins a random part.
    let start = UserId::from(Uuid::new_v4());
    result = bucket::compare(&processor, start).await.and(result);
    bucket::find_missing(&processor, start).await.and(result)
}

/// Reads rows as a search. No answer contains them, and each change that follows has its own audit row.
async fn read<R: FromRow>(job: &Job, statement: Statement<'_>) -> Result<Vec<R>, Error> {
    job.audited(Search::default(), async |mut access| {
        access.all(statement).await
    })
    .await
}

/// Moves one overdue file to its next state.
async fn finish(processor: &Processor<'_>, due: &Due) -> Result<(), Error> {
    let FileLocation { id, location } = &due.file;
    if due.is_sound {
        return match due.is_given_up {
            true => processor.give_up_scan(*id).await,
            false => Ok(()),
        };
    }
    match processor.process(*id, location, None).await? {
        Presence::There => Ok(()),
        Presence::Absent if due.is_pending => processor.expire(*id).await,
        Presence::Absent => processor.quarantine_missing(*id).await,
    }
}

//! Schedule, every five minutes: ends what no event ended, and compares rows with objects.
//!
//! An upload whose event was lost is processed, one that never came expires and its parts go, one
//! that a crash left half-way is taken up again. A part of the bucket, another each time and all of it while it is
//! small, is compared with its rows.

mod bucket;
mod ended;

use files::Location;
use files::processing::{self, Presence};
use shared::job::Job;
use shared::prelude::*;
use shared::sql::postgres::{Error as RowError, Row};
use shared::sql::{FromRow, Statement};
use uuid::Uuid;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint {
    name: "expire-uploads",
    permission: "files:process",
    action: Action::Process,
    resource: ResourceType::File,
};

/// Rows looked at in one statement.
const ROWS: i64 = 100;

// An upload begins before its URL ends and may take a while. process-upload has five minutes, three
// times. A scanner's event comes within minutes of the inspection, or not at all. It is not waited for from
// `upload_date` on: S3 dates an upload in parts by its beginning, which may be hours ago.
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
struct Stored {
    id: FileId,
    location: Location,
}

impl FromRow for Stored {
    fn from_row(row: &Row) -> Result<Self, RowError> {
        Ok(Self {
            id: row.try_get("id")?,
            location: Location::from_row(row)?,
        })
    }
}

struct Due {
    file: Stored,
    is_pending: bool,
    /// A scanner's word is all that is missing.
    is_sound: bool,
    is_given_up: bool,
}

impl FromRow for Due {
    fn from_row(row: &Row) -> Result<Self, RowError> {
        Ok(Self {
            file: Stored::from_row(row)?,
            is_pending: row.try_get("is_pending")?,
            is_sound: row.try_get("is_sound")?,
            is_given_up: row.try_get("is_given_up")?,
        })
    }
}

/// Does all of it. Errors: something failed; the rest is done.
pub async fn handle(job: Job) -> Result<(), Error> {
    let mut result = Ok(());
    for due in read::<Due>(&job, sql(DUE, &[&ROWS])).await? {
        result = finish(&job, &due).await.and(result);
    }
    result = ended::abort_uploads(&job).await.and(result);
    result = bucket::mark_archived(&job).await.and(result);
    // Owners' ids are random, so a random one begins a random part.
    let start = UserId::from(Uuid::new_v4());
    result = bucket::compare(&job, start).await.and(result);
    bucket::find_lost(&job, start).await.and(result)
}

/// What is read here leaves in no answer; each change that follows has its audit row.
async fn read<R: FromRow>(job: &Job, statement: Statement<'_>) -> Result<Vec<R>, Error> {
    job.audited(Search::default(), async |mut access| {
        access.all(statement).await
    })
    .await
}

/// Ends the waiting of one file.
async fn finish(job: &Job, due: &Due) -> Result<(), Error> {
    let Stored { id, location } = &due.file;
    if due.is_sound {
        return match due.is_given_up {
            true => processing::give_up_scan(job, *id).await,
            false => Ok(()),
        };
    }
    match processing::process(job, *id, location, None).await? {
        Presence::There => Ok(()),
        Presence::Absent if due.is_pending => processing::expire(job, *id).await,
        Presence::Absent => processing::lose(job, *id).await,
    }
}

//! Rows and objects compared, and the objects of archived files marked.

use documents::processing;
use documents::{Location, store};
use shared::domain::file::FileMetadata;
use shared::job::Job;
use shared::prelude::*;
use shared::sql::FromRow;
use shared::sql::postgres::{Error as RowError, Row};
use shared::{row, select_file};
use uuid::Uuid;

use crate::{ROWS, Stored, read};

/// Objects looked at in one listing.
const OBJECTS: i32 = 500;

const ARCHIVED: &str = "
    select id, bucket, file_path from file_metadata
    where is_archived and tagged_at is null and upload_date is not null
      and status_reason is distinct from 'object-missing'
    order by archived_at, id
    limit $1";
const MARK: &str = concat!(
    "with file_metadata as (
       update file_metadata set tagged_at = now() where id = $1 and tagged_at is null returning *
     ) ",
    select_file!("")
);
const WITHOUT_ROW: &str = "
    select listed.id from unnest($1::uuid[]) as listed (id)
    where not exists (select from file_metadata f where f.id = listed.id)
    limit $2";
const OFFERED: &str = "
    select id, bucket, file_path, object_version from file_metadata
    where status = 'AVAILABLE' and owner_id >= $1
    order by owner_id, created_at desc, id desc
    limit $2";

row! {
    /// An object of no file.
    pub struct Stray {
        /// The file its key names.
        pub id: FileId,
    }
}

/// A file that get-file offers, as the version that was checked.
struct Offered {
    file: Stored,
    version: Option<String>,
}

impl FromRow for Offered {
    fn from_row(row: &Row) -> Result<Self, RowError> {
        Ok(Self {
            file: Stored::from_row(row)?,
            version: row.try_get("object_version")?,
        })
    }
}

/// Has the objects of archived files moved to cheaper storage.
pub(crate) async fn mark_archived(job: &Job) -> Result<(), Error> {
    for Stored { id, location } in read::<Stored>(job, sql(ARCHIVED, &[&ROWS])).await? {
        let marked = job.audited(id, async |access| mark(access, &location).await);
        if !marked.await? {
            processing::lose(job, id).await?;
        }
    }
    Ok(())
}

/// False where the object is gone.
async fn mark(mut access: Access<FileId>, location: &Location) -> Result<bool, Error> {
    if !store()?.mark_archived(&access, location).await? {
        return Ok(false);
    }
    let id = *access.granted();
    let marked: Option<FileMetadata> = access.optional(sql(MARK, &[&id])).await?;
    if let Some(file) = marked {
        access.note("tag", "archived");
        access.commit(Json(file)).await?;
    }
    Ok(true)
}

/// Reports objects that no row tells of; an alarm watches for these lines.
pub(crate) async fn report_strays(job: &Job, start: UserId) -> Result<(), Error> {
    let work = async |mut access: Access<Search>| {
        let (files, strange) = store()?.listed(&access, start, OBJECTS).await?;
        let strays: Vec<Stray> = access.all(sql(WITHOUT_ROW, &[&files, &ROWS])).await?;
        Ok((strays, strange))
    };
    let (strays, strange) = job.audited(Search::default(), work).await?;
    for Stray { id } in strays {
        tracing::warn!(file = %id, "an object without a row");
    }
    if strange > 0 {
        tracing::warn!(objects = strange, "objects that are no file's");
    }
    Ok(())
}

/// Keeps files from being offered whose objects are gone.
pub(crate) async fn find_lost(job: &Job, start: UserId) -> Result<(), Error> {
    for start in [start, UserId::from(Uuid::nil())] {
        let offered = read::<Offered>(job, sql(OFFERED, &[&start, &ROWS])).await?;
        let more = offered.len() as i64 == ROWS;
        for Offered { file, version } in offered {
            let Stored { id, location } = file;
            let version = version.as_deref();
            let there = async |access| store()?.arrived(&access, &location, version).await;
            if job.audited(id, there).await?.is_none() {
                processing::lose(job, id).await?;
            }
        }
        if more {
            break;
        }
    }
    Ok(())
}

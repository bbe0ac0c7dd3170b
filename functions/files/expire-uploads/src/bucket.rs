//! Compares rows with objects, and tags the objects of archived files.

use api::prelude::*;
use domain::file::FileMetadata;
use domain::select_file;
use files::processing::Processor;
use files::{Location, Store};
use sql::FromRow;
use sql::postgres::{Error as RowError, Row};
use sql::row;
use uuid::Uuid;

use crate::{FileLocation, ROWS, read};

/// The number of objects in one listing.
const OBJECTS: i32 = 500;

// Waits an hour, because a scanner may set a tag of its own in that time. S3 replaces all tags at once,
// so of two writers the later one wins.
const ARCHIVED: &str = "
    select id, bucket, file_path, object_version from file_metadata
    where is_archived and tagged_at is null and upload_date is not null
      and archived_at < now() - interval '1 hour' and status_reason is distinct from 'object-missing'
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
// The objects of rows that no longer wait for an upload and that no event reported, because it was lost
// or ignored. For an archived file, the query waits an hour for a scanner, as above.
const LATE: &str = "
    select id, bucket, file_path, is_archived from file_metadata
    where id = any($1) and upload_date is null
      and case when is_archived
        then tagged_at is null and expires_at < now() - interval '1 hour'
        else status = 'EXPIRED' end
    limit $2";
const OFFERED: &str = "
    select id, bucket, file_path, object_version from file_metadata
    where status = 'AVAILABLE' and owner_id >= $1
    order by owner_id, created_at desc, id desc
    limit $2";

row! {
    /// An object without a row.
    pub struct Stray {
        /// The file that the object's key names.
        pub id: FileId,
    }
}

/// A file, and the version of its object that was checked.
struct Checked {
    file: FileLocation,
    version: Option<String>,
}

impl FromRow for Checked {
    fn from_row(row: &Row) -> Result<Self, RowError> {
        Ok(Self {
            file: FileLocation::from_row(row)?,
            version: row.try_get("object_version")?,
        })
    }
}

/// A file with an object that arrived after the row stopped waiting for it.
struct Late {
    file: FileLocation,
    is_archived: bool,
}

impl FromRow for Late {
    fn from_row(row: &Row) -> Result<Self, RowError> {
        Ok(Self {
            file: FileLocation::from_row(row)?,
            is_archived: row.try_get("is_archived")?,
        })
    }
}

/// Tags the objects of archived files, so that the bucket moves them to cheaper storage.
pub(crate) async fn mark_archived(processor: &Processor<'_>) -> Result<(), Error> {
    let mut result = Ok(());
    for file in read::<Checked>(processor.job, sql(ARCHIVED, &[&ROWS])).await? {
        result = mark_or_quarantine(processor, &file).await.and(result);
    }
    result
}

async fn mark_or_quarantine(processor: &Processor<'_>, checked: &Checked) -> Result<(), Error> {
    let FileLocation { id, location } = &checked.file;
    let version = checked.version.as_deref();
    let mark = |access| mark(access, processor.store, location, version);
    match processor.job.audited(*id, mark).await? {
        true => Ok(()),
        false => processor.quarantine_missing(*id).await,
    }
}

/// Tags one object and notes it in its row. Returns false if the object is missing.
async fn mark(
    mut access: Access<FileId>,
    store: &Store,
    location: &Location,
    version: Option<&str>,
) -> Result<bool, Error> {
    if !store.mark_archived(&access, location, version).await? {
        return Ok(false);
    }
    let id = *access.granted();
    let marked: Option<FileMetadata> = access.optional(sql(MARK, &[&id])).await?;
    if let Some(file) = marked {
        access.add_note("tag", "archived");
        access.commit(Json(file)).await?;
    }
    Ok(true)
}

/// Looks up the rows of a part of the objects. An object without a row is logged, and an alarm watches
/// for these log messages. An object that arrived late is processed.
pub(crate) async fn compare(processor: &Processor<'_>, start: UserId) -> Result<(), Error> {
    let work = async |mut access: Access<Search>| {
        let (files, strange) = processor.store.listed(&access, start, OBJECTS).await?;
        let strays: Vec<Stray> = access.all(sql(WITHOUT_ROW, &[&files, &ROWS])).await?;
        let late: Vec<Late> = access.all(sql(LATE, &[&files, &ROWS])).await?;
        Ok((strays, strange, late))
    };
    let (strays, strange, late) = processor.job.audited(Search::default(), work).await?;
    for Stray { id } in strays {
        tracing::warn!(file = %id, "an object in S3 has no row");
    }
    if strange > 0 {
        tracing::warn!(
            objects = strange,
            "objects in S3 have keys that name no file"
        );
    }
    let mut result = Ok(());
    for late in late {
        result = process(processor, &late).await.and(result);
    }
    result
}

async fn process(processor: &Processor<'_>, late: &Late) -> Result<(), Error> {
    let FileLocation { id, location } = &late.file;
    if late.is_archived {
        let mark = |access| mark(access, processor.store, location, None);
        processor.job.audited(*id, mark).await?;
    } else {
        processor.process(*id, location, None).await?;
    }
    Ok(())
}

/// Quarantines available files if their objects are missing.
pub(crate) async fn find_missing(processor: &Processor<'_>, start: UserId) -> Result<(), Error> {
    let mut result = Ok(());
    for start in [start, UserId::from(Uuid::nil())] {
        let offered = read::<Checked>(processor.job, sql(OFFERED, &[&start, &ROWS])).await?;
        let more = offered.len() as i64 == ROWS;
        for file in offered {
            result = look(processor, &file).await.and(result);
        }
        if more {
            break;
        }
    }
    result
}

async fn look(processor: &Processor<'_>, checked: &Checked) -> Result<(), Error> {
    let FileLocation { id, location } = &checked.file;
    let version = checked.version.as_deref();
    let find = async |access| processor.store.arrived(&access, location, version).await;
    match processor.job.audited(*id, find).await? {
        Some(_) => Ok(()),
        None => processor.quarantine_missing(*id).await,
    }
}

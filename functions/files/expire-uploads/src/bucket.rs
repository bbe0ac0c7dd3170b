//! Rows and objects compared, and the objects of archived files marked.

use files::{Location, processing, store};
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

// Not within the hour in which a scanner may put a tag of its own: the later of two sets is the one
// that stays.
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
// Announced, and not known to have come: of a row that waits no more, whose event was lost or passed
// over. A deleted one's object is left to a scanner for an hour, as above.
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
    /// An object of no file.
    pub struct Stray {
        /// The file its key names.
        pub id: FileId,
    }
}

/// A file, as the version that was checked.
struct Checked {
    file: Stored,
    version: Option<String>,
}

impl FromRow for Checked {
    fn from_row(row: &Row) -> Result<Self, RowError> {
        Ok(Self {
            file: Stored::from_row(row)?,
            version: row.try_get("object_version")?,
        })
    }
}

/// An object that came when nobody waited for it.
struct Late {
    file: Stored,
    is_archived: bool,
}

impl FromRow for Late {
    fn from_row(row: &Row) -> Result<Self, RowError> {
        Ok(Self {
            file: Stored::from_row(row)?,
            is_archived: row.try_get("is_archived")?,
        })
    }
}

/// Has the objects of archived files moved to cheaper storage.
pub(crate) async fn mark_archived(job: &Job) -> Result<(), Error> {
    let mut result = Ok(());
    for file in read::<Checked>(job, sql(ARCHIVED, &[&ROWS])).await? {
        result = mark_or_lose(job, &file).await.and(result);
    }
    result
}

async fn mark_or_lose(job: &Job, checked: &Checked) -> Result<(), Error> {
    let Stored { id, location } = &checked.file;
    let version = checked.version.as_deref();
    let marked = job.audited(*id, |access| mark(access, location, version));
    match marked.await? {
        true => Ok(()),
        false => processing::lose(job, *id).await,
    }
}

/// False where the object is gone.
async fn mark(
    mut access: Access<FileId>,
    location: &Location,
    version: Option<&str>,
) -> Result<bool, Error> {
    if !store()?.mark_archived(&access, location, version).await? {
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

/// Looks through objects. Those that no row tells of are reported, and an alarm watches for these
/// lines; those that came late are taken up.
pub(crate) async fn compare(job: &Job, start: UserId) -> Result<(), Error> {
    let work = async |mut access: Access<Search>| {
        let (files, strange) = store()?.listed(&access, start, OBJECTS).await?;
        let strays: Vec<Stray> = access.all(sql(WITHOUT_ROW, &[&files, &ROWS])).await?;
        let late: Vec<Late> = access.all(sql(LATE, &[&files, &ROWS])).await?;
        Ok((strays, strange, late))
    };
    let (strays, strange, late) = job.audited(Search::default(), work).await?;
    for Stray { id } in strays {
        tracing::warn!(file = %id, "an object without a row");
    }
    if strange > 0 {
        tracing::warn!(objects = strange, "objects that are no file's");
    }
    let mut result = Ok(());
    for late in late {
        result = take_up(job, &late).await.and(result);
    }
    result
}

async fn take_up(job: &Job, late: &Late) -> Result<(), Error> {
    let Stored { id, location } = &late.file;
    if late.is_archived {
        let marked = job.audited(*id, |access| mark(access, location, None));
        marked.await?;
    } else {
        processing::process(job, *id, location, None).await?;
    }
    Ok(())
}

/// Keeps files from being offered whose objects are gone.
pub(crate) async fn find_lost(job: &Job, start: UserId) -> Result<(), Error> {
    let mut result = Ok(());
    for start in [start, UserId::from(Uuid::nil())] {
        let offered = read::<Checked>(job, sql(OFFERED, &[&start, &ROWS])).await?;
        let more = offered.len() as i64 == ROWS;
        for file in offered {
            result = look(job, &file).await.and(result);
        }
        if more {
            break;
        }
    }
    result
}

async fn look(job: &Job, checked: &Checked) -> Result<(), Error> {
    let Stored { id, location } = &checked.file;
    let version = checked.version.as_deref();
    let there = async |access| store()?.arrived(&access, location, version).await;
    match job.audited(*id, there).await? {
        Some(_) => Ok(()),
        None => processing::lose(job, *id).await,
    }
}

//! Uploads in parts that nobody completed: their parts cost storage until they are aborted.

use documents::{Stored, store};
use shared::domain::file::FileMetadata;
use shared::job::Job;
use shared::prelude::*;
use shared::{row, select_file};

use crate::{ROWS, read};

const OF_DELETED: &str = "
    select id from file_metadata
    where is_archived and status = 'PENDING' and upload_id is not null
    order by archived_at, id
    limit $1";
// Locked, so that nobody completes it meanwhile.
const OPEN: &str = select_file!(
    "where id = $1 and status = 'PENDING' and upload_id is not null
       and (is_archived or expires_at < now())
     for update"
);
const CLOSE: &str = "update file_metadata set upload_id = null where id = $1";
const READ: &str = select_file!("where id = $1");

row! {
    /// A deleted file whose upload is open.
    pub struct Deleted {
        /// The file.
        pub id: FileId,
    }
}

/// Aborts the uploads of files that were deleted before they were whole.
pub(crate) async fn abort_deleted(job: &Job) -> Result<(), Error> {
    for Deleted { id } in read::<Deleted>(job, sql(OF_DELETED, &[&ROWS])).await? {
        abort(job, id).await?;
    }
    Ok(())
}

/// Aborts a file's upload in parts, if it has an open one. Whether all of them are there makes no
/// difference: who sent them never said that it is all.
pub(crate) async fn abort(job: &Job, id: FileId) -> Result<(), Error> {
    job.audited(id, async |mut access| {
        let open: Option<Stored> = access.optional(sql(OPEN, &[&id])).await?;
        let Some(Stored {
            location,
            multipart: Some(multipart),
            ..
        }) = open
        else {
            return Ok(());
        };
        store()?.abort(&location, &multipart).await?;
        let file: FileMetadata = access
            .write_then_read(sql(CLOSE, &[&id]), sql(READ, &[&id]))
            .await?;
        access.note("upload", "aborted");
        access.commit(Json(file)).await?;
        Ok(())
    })
    .await
}

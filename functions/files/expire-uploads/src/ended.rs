//! Uploads in parts that no file waits for any more: their parts cost storage until they are aborted.

use files::{Stored, store};
use shared::domain::file::FileMetadata;
use shared::job::Job;
use shared::prelude::*;
use shared::{row, select_file};

use crate::{ROWS, read};

const ENDED: &str = "
    select id from file_metadata
    where upload_id is not null and (status = 'EXPIRED' or (status = 'PENDING' and is_archived))
    order by created_at, id
    limit $1";
const CURRENT: &str = select_file!("where id = $1 and upload_id is not null for update");
const CLOSE: &str = "update file_metadata set upload_id = null where id = $1";
const READ: &str = select_file!("where id = $1");

row! {
    /// A file that was deleted or expired before it was whole.
    pub struct Ended {
        /// The file.
        pub id: FileId,
    }
}

/// Aborts them. Whether all parts are there makes no difference: who sent them never said that it is
/// all.
pub(crate) async fn abort_uploads(job: &Job) -> Result<(), Error> {
    let mut result = Ok(());
    for Ended { id } in read::<Ended>(job, sql(ENDED, &[&ROWS])).await? {
        result = job.audited(id, abort).await.and(result);
    }
    result
}

async fn abort(mut access: Access<FileId>) -> Result<(), Error> {
    let id = *access.granted();
    let current: Option<Stored> = access.optional(sql(CURRENT, &[&id])).await?;
    let Some(Stored {
        location,
        multipart: Some(multipart),
        ..
    }) = current
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
}

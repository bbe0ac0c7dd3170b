//! Aborts uploads in parts that no file waits for any more. Until then, their parts cost storage.

use api::prelude::*;
use domain::file::FileMetadata;
use domain::select_file;
use files::processing::Processor;
use files::{Store, StoredFile};
use sql::row;

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
    /// A file that was archived or expired before its upload was complete.
    pub struct Ended {
        /// The id of the file.
        pub id: FileId,
    }
}

/// Aborts these uploads, even if all parts were sent, because the caller never completed the upload.
pub(crate) async fn abort_uploads(processor: &Processor<'_>) -> Result<(), Error> {
    let mut result = Ok(());
    for Ended { id } in read::<Ended>(processor.job, sql(ENDED, &[&ROWS])).await? {
        let abort = |access| abort(access, processor.store);
        result = processor.job.audited(id, abort).await.and(result);
    }
    result
}

async fn abort(mut access: Access<FileId>, store: &Store) -> Result<(), Error> {
    let id = *access.granted();
    let current: Option<StoredFile> = access.optional(sql(CURRENT, &[&id])).await?;
    let Some(StoredFile {
        location,
        multipart: Some(multipart),
        ..
    }) = current
    else {
        return Ok(());
    };
    store.abort(&location, &multipart).await?;
    let file: FileMetadata = access
        .write_then_read(sql(CLOSE, &[&id]), sql(READ, &[&id]))
        .await?
        .row;
    access.add_note("upload", "aborted");
    access.commit(Json(file)).await?;
    Ok(())
}

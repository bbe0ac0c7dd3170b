//! The transitions of files whose upload or object never came, or whose object is gone.

use api::prelude::*;
use domain::select_file;

use super::processor::{Processor, record};

const EXPIRE: &str = concat!(
    "with file_metadata as (
       update file_metadata set status = 'EXPIRED', status_reason = 'never-uploaded'
       where id = $1 and status = 'PENDING' and expires_at < now()
       returning *
     ) ",
    select_file!("")
);
const QUARANTINE_MISSING: &str = concat!(
    "with file_metadata as (
       update file_metadata set status = 'QUARANTINED', status_reason = 'object-missing'
       where id = $1 and status in ('SCANNING', 'AVAILABLE')
       returning *
     ) ",
    select_file!("")
);

impl Processor<'_> {
    /// Marks a file as EXPIRED if it still waits for its upload and its URL has expired.
    pub async fn expire(&self, id: FileId) -> Result<(), Error> {
        self.job
            .audited(id, async |mut access| {
                let file = access.optional(sql(EXPIRE, &[&id])).await?;
                record(access, file, None).await
            })
            .await
    }

    /// Quarantines a file whose object is gone, so that no download is offered for it.
    pub async fn quarantine_missing(&self, id: FileId) -> Result<(), Error> {
        tracing::error!(file = %id, "the object of a file is missing from S3");
        self.job
            .audited(id, async |mut access| {
                let file = access.optional(sql(QUARANTINE_MISSING, &[&id])).await?;
                record(access, file, None).await
            })
            .await
    }
}

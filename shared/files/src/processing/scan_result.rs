//! The transitions that follow the result of a scanner that reports in an event.

use api::prelude::*;
use domain::select_file;
use sql::Parameter;

use super::processor::{Processor, record};
use crate::{Finding, Location};

// A report of malware in any version quarantines the file, whatever its state is. Any other finding
// counts only for a file that waits for one, and only for the version that is or will be checked.
const RESULT: &str = concat!(
    "with file_metadata as (
       update file_metadata set
         scan = greatest(scan, $4::text::file_scan),
         object_version = coalesce(object_version, $8),
         upload_date = case when greatest(scan, $4::text::file_scan) = 'INFECTED'
           then coalesce(upload_date, $7) else upload_date end,
         status = case
           when greatest(scan, $4::text::file_scan) = 'INFECTED' then 'QUARANTINED'
           when inspected_at is null or (status <> 'SCANNING' and status_reason is distinct from 'unscanned')
             then status
           when greatest(scan, $4::text::file_scan) = 'CLEAN' then 'AVAILABLE'
           else $5::text::file_status end,
         status_reason = case
           when greatest(scan, $4::text::file_scan) = 'INFECTED' then 'malware'
           when inspected_at is null or (status <> 'SCANNING' and status_reason is distinct from 'unscanned')
             then status_reason
           when greatest(scan, $4::text::file_scan) = 'CLEAN' then null
           else $6 end
       where id = $1 and bucket = $2 and file_path = $3 and scan <> 'INFECTED'
         and ($4 = 'INFECTED' or object_version is null or object_version = $8)
       returning *
     ) ",
    select_file!("")
);
const GIVE_UP: &str = concat!(
    "with file_metadata as (
       update file_metadata set status = $2::text::file_status, status_reason = $3
       where id = $1 and status = 'SCANNING' and inspected_at is not null and scan = 'UNSCANNED'
       returning *
     ) ",
    select_file!("")
);

impl Processor<'_> {
    /// Records what a scanner reports about the object with this entity tag, and with this version if
    /// the bucket keeps versions. Ignores the finding if that object is no longer there.
    pub async fn record_scan_result(
        &self,
        id: FileId,
        location: &Location,
        tag: &str,
        version: Option<&str>,
        finding: Finding,
    ) -> Result<(), Error> {
        let (status, reason) = self.policy.status_without_scan(&Finding::Unscanned);
        self.job
            .audited(id, async |mut access| {
                let arrived = self.store.arrived(&access, location, version).await?;
                let Some(arrived) = arrived else {
                    return Ok(());
                };
                if !arrived.has_tag(tag) {
                    tracing::warn!(
                        "a scan result was ignored because the object has another entity tag"
                    );
                    return Ok(());
                }
                let (bucket, key) = (&location.bucket, &location.key);
                let scan = finding.scan();
                let (at, version) = (&arrived.at, &arrived.version);
                let parameters: [&dyn Parameter; 8] =
                    [&id, bucket, key, &scan, &status, &reason, at, version];
                let file = access.optional(sql(RESULT, &parameters)).await?;
                record(access, file, Some(&finding)).await
            })
            .await
    }

    /// Stops waiting for a scanner's event. The scan policy decides the file's state.
    pub async fn give_up_scan(&self, id: FileId) -> Result<(), Error> {
        let (status, reason) = self.policy.status_without_scan(&Finding::Unscanned);
        self.job
            .audited(id, async |mut access| {
                let file = access
                    .optional(sql(GIVE_UP, &[&id, &status, &reason]))
                    .await?;
                record(access, file, None).await
            })
            .await
    }
}

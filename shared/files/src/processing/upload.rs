//! The transitions of an uploaded file: its object is read, inspected and scanned.

use api::prelude::*;
use domain::file::{FileMetadata, FileScan};
use domain::select_file;

use super::processor::{Processor, record};
use crate::objects::Inspected;
use crate::{Arrived, Declared, Location, Verdict};

// The common table expression has the name of the table that it updates, so that the select after it
// reads the updated row.
// EXPIRED files are accepted because an upload may finish late. A scan result for another version is
// discarded. The inspection result is always discarded, so no scan result can release the file until
// the new inspection ends.
const TAKE: &str = concat!(
    "with file_metadata as (
       update file_metadata set status = 'SCANNING', status_reason = null, upload_date = $4,
         object_version = $5, inspected_at = null,
         scan = case when object_version is distinct from $5 then 'UNSCANNED' else scan end
       where id = $1 and bucket = $2 and file_path = $3
         and status in ('PENDING', 'SCANNING', 'EXPIRED') and not is_archived
       returning *
     ) ",
    select_file!("")
);
const REJECT: &str = concat!(
    "with file_metadata as (
       update file_metadata set status = 'REJECTED', status_reason = $2
       where id = $1 and status = 'SCANNING' and object_version is not distinct from $3
       returning *
     ) ",
    select_file!("")
);
// A scanner's event may have arrived earlier. The graver of the two findings counts.
const ACCEPT: &str = concat!(
    "with file_metadata as (
       update file_metadata set
         inspected_at = now(),
         scan = greatest(scan, $2::text::file_scan),
         status = case greatest(scan, $2::text::file_scan)
           when 'INFECTED' then 'QUARANTINED' when 'CLEAN' then 'AVAILABLE'
           else $3::text::file_status end,
         status_reason = case greatest(scan, $2::text::file_scan)
           when 'INFECTED' then 'malware' when 'CLEAN' then null else $4 end
       where id = $1 and status = 'SCANNING' and object_version is not distinct from $5
       returning *
     ) ",
    select_file!("")
);

/// Whether an object was found at the location that a row names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// An object was found, and the row is in the state that the object leads to.
    There,
    /// No object was found, and nothing was changed.
    Absent,
}

type Taken = (Presence, Option<(Arrived, Declared)>);

impl Processor<'_> {
    /// Compares the object with what was declared, has it scanned, and makes the file available,
    /// quarantines it or rejects it. Changes nothing if no row waits for the object, or if an event is
    /// about a `version` that was replaced: the newer version has an event of its own.
    pub async fn process(
        &self,
        id: FileId,
        location: &Location,
        version: Option<&str>,
    ) -> Result<Presence, Error> {
        let take = |access| self.take(access, location, version);
        let (presence, taken) = self.job.audited(id, take).await?;
        if let Some((arrived, declared)) = taken {
            let conclude = |access| self.conclude(access, location, arrived, declared);
            self.job.audited(id, conclude).await?;
        }
        Ok(presence)
    }

    /// Moves the row to SCANNING. Returns what to inspect, or `None` if no row waits for this object
    /// or there is no object.
    async fn take(
        &self,
        mut access: Access<FileId>,
        location: &Location,
        version: Option<&str>,
    ) -> Result<Taken, Error> {
        let Some(arrived) = self.store.arrived(&access, location, None).await? else {
            return Ok((Presence::Absent, None));
        };
        if version.is_some() && arrived.version.is_some() && version != arrived.version.as_deref() {
            tracing::info!(
                file = %access.granted(),
                "an S3 event was ignored because its version of the object was replaced"
            );
            return Ok((Presence::There, None));
        }
        let id = *access.granted();
        let Some(file) = access
            .optional::<FileMetadata>(sql(
                TAKE,
                &[
                    &id,
                    &location.bucket,
                    &location.key,
                    &arrived.at,
                    &arrived.version,
                ],
            ))
            .await?
        else {
            return Ok((Presence::There, None));
        };
        let declared = Declared::of(&file)?;
        record(access, Some(file), None).await?;
        Ok((Presence::There, Some((arrived, declared))))
    }

    /// Reads the object and moves the row to the state that the result leads to.
    async fn conclude(
        &self,
        mut access: Access<FileId>,
        location: &Location,
        arrived: Arrived,
        declared: Declared,
    ) -> Result<(), Error> {
        let scan = self.policy.scan().await?;
        let Inspected { verdict, finding } = self
            .store
            .inspect(&access, location, &arrived, &declared, scan)
            .await?;
        let id = *access.granted();
        // No row is updated if another delivery of the event was faster or the object was replaced.
        let file: Option<FileMetadata> = match (verdict, &finding) {
            // An infected file is quarantined as malware even if the inspection rejects it.
            (Verdict::Rejected(rejection), finding) if finding.scan() != FileScan::Infected => {
                access
                    .optional(sql(REJECT, &[&id, &rejection.code(), &arrived.version]))
                    .await?
            }
            _ => {
                let (status, reason) = self.policy.status_without_scan(&finding);
                access
                    .optional(sql(
                        ACCEPT,
                        &[&id, &finding.scan(), &status, &reason, &arrived.version],
                    ))
                    .await?
            }
        };
        record(access, file, Some(&finding)).await
    }
}

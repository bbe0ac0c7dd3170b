//! What every transition needs, and how each of them ends.

use api::job::Job;
use api::prelude::*;
use domain::file::{FileMetadata, FileStatus};

use crate::{Finding, ScanPolicy, Store};

/// Moves files from one state to the next, as part of a job.
pub struct Processor<'a> {
    /// The job that the transitions are part of.
    pub job: &'a Job,
    /// Where the objects of the files are stored.
    pub store: &'a Store,
    /// How the files are scanned.
    pub policy: &'a ScanPolicy,
}

/// Records the new state of the file in the audit row, and commits. Does nothing if no row was
/// updated.
pub(super) async fn record(
    mut access: Access<FileId>,
    file: Option<FileMetadata>,
    finding: Option<&Finding>,
) -> Result<(), Error> {
    let Some(file) = file else {
        return Ok(());
    };
    access.add_note("status", file.status.label());
    if file.status != FileStatus::Scanning || file.status_reason.is_some() {
        access.add_note("status_reason", file.status_reason.clone());
        access.add_note("scan", file.scan.label());
    }
    if let Some(Finding::Infected(name)) = finding {
        access.add_note("threat", name.clone());
        tracing::warn!(file = %file.id, threat = name, "malware was uploaded");
    }
    access.commit(Json(file)).await?;
    Ok(())
}

//! Imports FHIR R4 bundles into a running Caretrail, over HTTP alone. An administrator registers
//! people, records that the providers' licences are verified, and assigns providers. The providers write
//! visits and records.
//!
//! Importing a bundle twice changes nothing: the ids of people derive from the bundle's, and visits
//! and records keep the bundle's `fullUrl` as their `external_id`.
#![warn(missing_docs)]

mod file;
pub mod plan;
mod planner;
mod progress;
mod send;
pub mod summary;
mod tally;

use std::path::{Path, PathBuf};
use std::time::Instant;

use client::Api;

use self::plan::Plan;
use self::progress::Bars;
pub use self::send::{Administrators, Imported, Known};
use self::summary::{Complaint, Summary};

/// Reads a bundle and plans what to send for it. Sends nothing.
///
/// # Errors
/// The file is unreadable, not gzip, not JSON, or not a Bundle.
pub fn read(file: &Path) -> Result<Plan, Complaint> {
    file::read(file).map(|entries| planner::plan(file, &entries))
}

/// Imports the files one after the other. A fault in an entry or a file goes to the summary and
/// doesn't stop the rest.
pub async fn import(
    files: &[PathBuf],
    api: &Api,
    admins: &Administrators,
) -> (Summary, Vec<Imported>) {
    let began = Instant::now();
    let sent_before = api.sent();
    let bars = Bars::new(files.len());
    let mut summary = Summary::default();
    let mut imported = Vec::new();
    for file in files {
        let path = file.clone();
        let plan = match tokio::task::spawn_blocking(move || read(&path)).await {
            Ok(Ok(plan)) => plan,
            Ok(Err(complaint)) => {
                bars.complain(&complaint);
                summary.complain(complaint);
                bars.files.inc(1);
                continue;
            }
            Err(error) => {
                summary.complain(Complaint::of_file(
                    file,
                    format!("could not be read: {error}"),
                ));
                bars.files.inc(1);
                continue;
            }
        };
        bars.begin(&plan);
        imported.push(send::send(plan, api, admins, &mut summary, &bars).await);
        bars.files.inc(1);
    }
    bars.finish();
    summary.elapsed = began.elapsed();
    summary.requests = api.sent() - sent_before;
    (summary, imported)
}

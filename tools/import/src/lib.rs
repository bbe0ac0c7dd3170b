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
use fhir::bundle::Entry;

use self::plan::Plan;
use self::progress::Bars;
pub use self::send::{Administrators, Imported, Known};
use self::summary::{Complaint, Summary};

/// Reads a file and plans what to send for it. Sends nothing.
///
/// # Errors
/// The file is unreadable, not gzip, not JSON, or has something else than FHIR resources.
pub fn read(file: &Path) -> Result<Plan, Complaint> {
    file::read(file).map(|entries| planner::plan(&entries, &[]))
}

/// Imports files and folders. A file is imported by itself, but may refer to the practitioners and places of the
/// others. All NDJSON files are imported together, because an export has one for each type of resource. A fault in an
/// entry or a file goes to the summary and doesn't stop the rest.
pub async fn import(
    paths: &[PathBuf],
    api: &Api,
    admins: &Administrators,
) -> (Summary, Vec<Imported>) {
    let began = Instant::now();
    let sent_before = api.sent();
    let mut summary = Summary::default();
    let mut imported = Vec::new();
    let (sets, unreadable) = file::sets(paths);
    let bars = Bars::new(sets.iter().map(Vec::len).sum());
    for complaint in unreadable {
        bars.complain(&complaint);
        summary.complain(complaint);
    }
    let shared = match sets.len() {
        0 | 1 => Vec::new(),
        _ => in_background(sets.concat(), |files| shared_by(&files)).await,
    };
    let shared = std::sync::Arc::new(shared);
    for set in sets {
        let (count, shared) = (set.len(), shared.clone());
        let (plan, unreadable) = in_background(set, move |files| {
            let (entries, unreadable) = file::read_all(&files);
            let plan = (!entries.is_empty()).then(|| planner::plan(&entries, &shared));
            (plan, unreadable)
        })
        .await;
        for complaint in unreadable {
            bars.complain(&complaint);
            summary.complain(complaint);
        }
        if let Some(plan) = plan {
            bars.begin(&plan);
            imported.push(send::send(plan, api, admins, &mut summary, &bars).await);
        }
        bars.files.inc(count as u64);
    }
    bars.finish();
    summary.elapsed = began.elapsed();
    summary.requests = api.sent() - sent_before;
    (summary, imported)
}

/// The practitioners and places in these files.
fn shared_by(files: &[PathBuf]) -> Vec<Entry> {
    let entries = files.iter().filter_map(|file| file::read(file).ok());
    let kinds = [
        "Practitioner",
        "PractitionerRole",
        "Organization",
        "Location",
    ];
    let shared = entries.flatten();
    shared
        .filter(|entry| kinds.contains(&entry.kind.as_str()))
        .collect()
}

/// Runs work that keeps a processor busy.
async fn in_background<T: Send + 'static, R: Send + 'static>(
    input: T,
    work: impl FnOnce(T) -> R + Send + 'static,
) -> R {
    match tokio::task::spawn_blocking(move || work(input)).await {
        Ok(result) => result,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

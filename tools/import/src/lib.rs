//! Imports FHIR R4 bundles into a running cloud: over HTTP alone, each call made by who would make
//! it. Administration registers people and assigns providers; providers write visits and records.
//!
//! Importing twice changes nothing: people have ids derived from the bundle's, visits and records
//! keep the bundle's `fullUrl` as their `external_id`.

mod file;
pub mod plan;
mod progress;
mod send;
pub mod summary;

use std::path::{Path, PathBuf};
use std::time::Instant;

use client::{Api, Person};

use self::plan::Plan;
use self::progress::Bars;
pub use self::send::{Imported, Known};
use self::summary::{Complaint, Summary};

/// Reads a bundle and says what to send for it, without sending anything.
///
/// # Errors
/// When the file as a whole is of no use: unreadable, not gzip, not JSON, not a Bundle.
pub fn read(file: &Path) -> Result<Plan, Complaint> {
    file::read(file).map(|entries| Plan::of(file, entries))
}

/// Imports the files one after the other. What is wrong with an entry or a file is in the
/// summary, and stops nothing else.
pub async fn import(files: &[PathBuf], api: &Api, admin: &Person) -> (Summary, Vec<Imported>) {
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
        imported.push(send::send(plan, api, admin, &mut summary, &bars).await);
        bars.files.inc(1);
    }
    bars.finish();
    summary.elapsed = began.elapsed();
    summary.requests = api.sent() - sent_before;
    (summary, imported)
}

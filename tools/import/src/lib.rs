//! Imports FHIR R4 bundles into a running Caretrail, over HTTP alone and with one access token: that of an importer. Their
//! account names the source system that everything comes from.
//!
//! People, visits and records keep the `fullUrl` of their entry as their `external_id`. So importing a bundle twice changes
//! nothing, an import that stopped goes on when it is run again, and a corrected bundle corrects.
#![warn(missing_docs)]

mod compare;
mod file;
pub mod plan;
mod planner;
mod progress;
mod send;
pub mod summary;
mod tally;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use client::{Api, Person};
use fhir::bundle::Entry;

use self::plan::Plan;
use self::progress::Bars;
use self::send::Sender;
pub use self::send::{Imported, Known};
use self::summary::{Complaint, Summary};

/// Reads a file and plans what to send for it. Sends nothing.
///
/// # Errors
/// The file is unreadable, not gzip, not JSON, or has something else than FHIR resources.
pub fn read(file: &Path) -> Result<Plan, Complaint> {
    file::read(file).map(|entries| planner::plan(&entries, &[]))
}

/// Imports files and folders as this importer. A file is imported by itself, but may refer to the practitioners and
/// places of the others. All NDJSON files are imported together, because an export has one for each type of resource. A
/// fault in an entry or a file goes to the summary and doesn't stop the rest. If the importer's requests don't succeed any
/// more, the import stops and says so.
pub async fn import(paths: &[PathBuf], api: &Api, importer: &Person) -> (Summary, Vec<Imported>) {
    let began = Instant::now();
    let sent_before = api.sent();
    let (sets, unreadable) = file::sets(paths);
    let mut run = Run {
        bars: Bars::new(sets.iter().map(Vec::len).sum()),
        summary: Summary::default(),
        imported: Vec::new(),
    };
    run.complain(unreadable);
    match source_of(api, importer).await {
        Ok(source) => run.send(sets, &Sender::new(api, importer, &source)).await,
        Err(reason) => {
            let file = paths.first().map_or(Path::new("."), PathBuf::as_path);
            let reason = format!("nothing was imported: {reason}");
            run.complain([Complaint::of_file(file, reason)]);
        }
    }
    run.bars.finish();
    run.summary.elapsed = began.elapsed();
    run.summary.requests = api.sent() - sent_before;
    (run.summary, run.imported)
}

/// A running import.
struct Run {
    bars: Bars,
    summary: Summary,
    imported: Vec<Imported>,
}

impl Run {
    async fn send(&mut self, sets: Vec<Vec<PathBuf>>, sender: &Sender<'_>) {
        let shared = match sets.len() {
            0 | 1 => Vec::new(),
            _ => in_background(sets.concat(), |files| shared_by(&files)).await,
        };
        let shared = Arc::new(shared);
        for set in sets {
            let (count, shared) = (set.len(), shared.clone());
            let (plan, unreadable) = in_background(set, move |files| {
                let (entries, unreadable) = file::read_all(&files);
                let plan = (!entries.is_empty()).then(|| planner::plan(&entries, &shared));
                (plan, unreadable)
            })
            .await;
            self.complain(unreadable);
            if let Some(plan) = plan {
                self.bars.begin(&plan);
                let (there, stopped) = sender.send(plan, &mut self.summary, &self.bars).await;
                let file = there.file.clone();
                self.imported.push(there);
                if let Some(reason) = stopped {
                    let reason =
                        format!("the import stopped here, because {reason}; run it again to go on");
                    return self.complain([Complaint::of_file(&file, reason)]);
                }
            }
            self.bars.files.inc(count as u64);
        }
    }

    fn complain(&mut self, complaints: impl IntoIterator<Item = Complaint>) {
        for complaint in complaints {
            self.bars.complain(&complaint);
            self.summary.complain(complaint);
        }
    }
}

/// The source system of the caller's account.
async fn source_of(api: &Api, importer: &Person) -> Result<String, String> {
    let me = api.get(importer, "/v1/me").await;
    let me = me.map_err(|refusal| format!("reading the importer's account was {refusal}"))?;
    let source = me["imports_from"].as_str().map(str::to_owned);
    source.ok_or_else(|| "the account isn't that of an importer".to_owned())
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

//! Imports FHIR R4 bundles into a running cloud: over HTTP alone, each call made by who would make
//! it. Administration registers people and assigns providers; providers write visits and records.
//!
//! Importing twice changes nothing: people have ids derived from the bundle's, visits and records
//! keep the bundle's `fullUrl` as their `external_id`.

pub mod api;
mod bundle;
mod carry;
mod fhir;
pub mod plan;
mod send;
pub mod summary;

use std::path::{Path, PathBuf};
use std::time::Instant;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use uuid::Uuid;

use self::api::{Api, Person};
use self::plan::Plan;
use self::summary::{Complaint, Summary};

/// What the import of one bundle left in the cloud.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The file it came from.
    pub file: PathBuf,
    /// The patient, when there is one now.
    pub patient: Option<Known>,
    /// The practitioners, as far as there are any now; those of the bundle's first visits first.
    pub providers: Vec<Known>,
    /// How many of its visits are there now.
    pub visits: usize,
    /// How many of its records are there now.
    pub records: usize,
}

/// A person the cloud knows.
#[derive(Debug, Clone)]
pub struct Known {
    /// Who signs in.
    pub person: Person,
    /// The `patient_id` or `provider_id`.
    pub id: Uuid,
}

/// Reads a bundle and says what to send for it, without sending anything.
///
/// # Errors
/// When the file as a whole is of no use: unreadable, not gzip, not JSON, not a Bundle.
pub fn read(file: &Path) -> Result<Plan, Complaint> {
    bundle::read(file).map(|entries| Plan::of(file, entries))
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

/// Progress on a terminal; nothing elsewhere.
struct Bars {
    all: MultiProgress,
    files: ProgressBar,
    entries: ProgressBar,
}

impl Bars {
    fn new(files: usize) -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let bar = |length: usize, what: &'static str| {
            let bar = all.add(ProgressBar::new(length as u64));
            if let Ok(style) =
                ProgressStyle::with_template("{msg:8} {bar:40} {pos}/{len} {elapsed:.dim}")
            {
                bar.set_style(style);
            }
            bar.with_message(what)
        };
        let files = bar(files, "files");
        let entries = bar(0, "entries");
        // Shown before the first file is done.
        files.tick();
        Self {
            all,
            files,
            entries,
        }
    }

    fn begin(&self, plan: &Plan) {
        self.entries.reset();
        self.entries.set_length(plan.entries as u64);
    }

    fn done(&self, entries: usize) {
        self.entries.inc(entries as u64);
    }

    fn complain(&self, complaint: &Complaint) {
        self.all.suspend(|| eprintln!("{complaint}"));
    }

    fn finish(&self) {
        self.entries.finish_and_clear();
        self.files.finish_and_clear();
    }
}

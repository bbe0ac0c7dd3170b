//! Verifies the audit log from outside: the rows of the database, the sealed log, the keys, and the logs of functions
//! and gateway. docs/verifying.md says how, and what each verdict means.
//!
//! An auditor runs this program, who needn't trust the organisation's software. So it knows no function and no service:
//! it reads the formats of the audit row and of the sealed log, and nothing more.
#![warn(missing_docs)]

mod archive;
pub mod audit_events;
mod awaited;
mod database;
mod deletions;
mod kept;
mod log_lines;
mod logs;
mod merged;
mod progress;
mod proof;
pub mod report;
mod rows;
mod sealed;
pub mod witness;

use std::path::PathBuf;
use std::sync::Arc;

use chrono::DateTime;
use domain::time::{TimeDelta, Timestamp};
use transparency_log::Failure;
use transparency_log::note::VerifierKey;
use transparency_log::store::ObjectStore;

pub use kept::Kept;
pub use proof::prove;

use archive::Archive;
use report::{Aspect, Report};

/// How far the clocks of two machines may differ. `append_audit` allows as much.
const CLOCKS: TimeDelta = TimeDelta::minutes(10);

/// How old an unsealed row and the newest batch may be, unless the auditor sets another limit.
pub const MAX_AGE: TimeDelta = TimeDelta::minutes(10);

/// What the auditor gives to the verifier.
#[derive(Clone)]
pub struct Inputs {
    /// The URL of the database. The role `caretrail_auditor` is enough.
    pub database: Option<String>,
    /// A file with root certificates for the database, besides the public ones.
    pub ca_file: Option<String>,
    /// The sealed log.
    pub archive: Option<Arc<dyn ObjectStore>>,
    /// The key of the log.
    pub key: Option<VerifierKey>,
    /// The keys of witnesses.
    pub witnesses: Vec<VerifierKey>,
    /// The Ed25519 keys of operators who may state that a database was restored.
    pub operators: Vec<[u8; 32]>,
    /// The checkpoints that the auditor kept.
    pub kept: Vec<Kept>,
    /// The files and folders of the functions' log.
    pub function_log: Vec<PathBuf>,
    /// The files and folders of the gateway's access log.
    pub gateway_log: Vec<PathBuf>,
    /// The routes that need no caller and have no audit row, such as `GET /health`.
    pub public_routes: Vec<String>,
    /// The functions' log has all lines up to this time. If none, up to its last line.
    pub logs_until: Option<Timestamp>,
    /// How old an unsealed row and the newest batch may be.
    pub max_age: TimeDelta,
}

impl Default for Inputs {
    fn default() -> Self {
        Self {
            database: None,
            ca_file: None,
            archive: None,
            key: None,
            witnesses: Vec::new(),
            operators: Vec::new(),
            kept: Vec::new(),
            function_log: Vec::new(),
            gateway_log: Vec::new(),
            public_routes: Vec::new(),
            logs_until: None,
            max_age: MAX_AGE,
        }
    }
}

/// Verifies all that was given. Errors: something can't be read, so nothing is said about it.
pub async fn verify(inputs: &Inputs) -> Result<Report, Failure> {
    let mut report = Report::default();
    // The log is read first, so that each row that it seals is in the database that is read afterwards.
    let mut sealed = sealed::read(inputs, &mut report).await?;
    let clients = match &inputs.database {
        // Lines are looked up in the newest state, and rows are read in one state.
        Some(url) => {
            let ca_file = inputs.ca_file.as_deref();
            let rows = database::snapshot(url, ca_file).await?;
            Some((rows, ::database::connect(url, ca_file).await?))
        }
        None => None,
    };
    // It is listed once the database can't archive a month any more.
    let archive = match inputs.archive.as_deref() {
        Some(store) => Some(Archive::open(store, &mut report).await?),
        None => None,
    };
    let has_archive = archive
        .as_ref()
        .is_some_and(|archive| !archive.months().is_empty());
    let lines = clients.as_ref().map(|(_, lines)| lines);
    let mut logged = logs::read(inputs, &sealed, lines, has_archive, &mut report).await?;
    sealed.compare_opened(&logged, &mut report);
    match &clients {
        Some((rows, _)) => {
            let archive = archive.as_ref();
            rows::compare(inputs, &mut sealed, &mut logged, archive, rows, &mut report).await?;
            logged.awaited.report(&sealed, &mut report);
        }
        None => {
            let reason =
                "The database was not given, so its rows weren't compared with the sealed log.";
            report.unchecked(Aspect::Integrity, reason);
        }
    }
    Ok(report)
}

/// A time in microseconds since 1970, as text.
fn time_of(microseconds: u64) -> String {
    let time = i64::try_from(microseconds)
        .ok()
        .and_then(DateTime::from_timestamp_micros);
    time.map_or_else(
        || "an unknown time".to_owned(),
        |time| Timestamp::from(time).to_string(),
    )
}

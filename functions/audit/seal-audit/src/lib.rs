//! Schedule, every minute: seals the audit log.
//!
//! One run recovers the log, takes over what the database doesn't know of it, and appends a batch: chains, rows,
//! quarantined rows, reconciled minutes and the heads of all chains. The batch's object decides between two sealers, so
//! any number may run at once, and each may die anywhere.

mod apply;
mod batch;
mod chains;
mod daily;
mod event_functions;
mod heads;
mod incarnation;
mod known;
mod objects;
mod open_lines;
mod public_routes;
mod reconciliation;
mod requests;
mod seal;
mod settings;
mod snapshot;
mod statements;
mod witness;

use std::time::Duration;

use api::endpoint::UnauditedSchedule;
use api::lambda::Failure;
use api::schedule::Run;
use chrono::{DateTime, Utc};
use serde::Serialize;
use transparency_log::log::LogError;

use crate::known::Standing;
use crate::settings::Settings;

pub const ENDPOINT: UnauditedSchedule = UnauditedSchedule::new("every minute")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Seals the rows of the audit log");

/// A batch is begun only if this time is left.
const ENOUGH: Duration = Duration::from_secs(15);

/// What lives as long as the execution environment.
pub struct Sealer {
    settings: Settings,
}

/// What a run did.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// The number of the newest batch.
    pub batch: u64,
    /// The number of leaves in the log.
    pub size: u64,
    /// The rows that the run sealed.
    pub rows: usize,
    /// The rows and places that it put in quarantine.
    pub quarantined: usize,
    /// The minutes that it reconciled.
    pub reconciled: usize,
    /// The age of the oldest row that isn't sealed, in seconds. 0 if there is none.
    pub oldest_unsealed_seconds: i64,
}

impl Sealer {
    /// Reads the settings. Errors: a setting is missing or invalid, or the log's key can't be read.
    pub async fn start() -> Result<Self, Failure> {
        let settings = Settings::read().await?;
        tracing::info!(key = %settings.log.key(), "audit log opened");
        Ok(Self { settings })
    }

    /// One run. Errors: the log, the database or the functions' logs can't be read or written, or a person must look.
    pub async fn run(&'static self, run: Run) -> Result<Report, Failure> {
        let done = self.seal(&run).await;
        if let Err(error) = &done
            && let Some(LogError::Tampered { key, fault }) = error.downcast_ref()
        {
            tracing::error!(key, %fault, "the sealed audit log was tampered with");
        }
        done
    }

    async fn seal(&self, run: &Run) -> Result<Report, Failure> {
        let settings = &self.settings;
        let connection = run.connection().await?;
        let time_left = || run.time_left() > ENOUGH;
        let tip = settings.log.recover().await?;
        let statement = incarnation::read(run.payload.get(), &settings.operators, &tip)?;
        let standing = known::catch_up(
            &connection,
            &*settings.store,
            &tip,
            statement.as_ref(),
            time_left,
        );
        match standing.await? {
            Standing::Current => {}
            Standing::Behind => return Err("the database learns the log over several runs".into()),
            Standing::Forked => {
                tracing::error!("the sealed audit log was tampered with");
                return Err("the log isn't the one that the database knows".into());
            }
            Standing::Restored => {
                tracing::error!("the database lacks rows that are sealed");
                return Err("nothing is sealed without the statement of an operator".into());
            }
        }
        objects::check(&*settings.store, &tip, Utc::now()).await?;
        let report = seal::seal(settings, &connection, tip, statement, time_left).await?;
        report.log();
        Ok(report)
    }
}

impl Report {
    fn note_oldest(&mut self, oldest: Option<DateTime<Utc>>) {
        let age = oldest.map(|oldest| (Utc::now() - oldest).num_seconds());
        self.oldest_unsealed_seconds = age.unwrap_or_default().max(0);
    }

    fn log(&self) {
        tracing::info!(
            batch = self.batch,
            size = self.size,
            rows = self.rows,
            quarantined = self.quarantined,
            reconciled = self.reconciled,
            oldest_unsealed_seconds = self.oldest_unsealed_seconds,
            "audit log sealed"
        );
    }
}

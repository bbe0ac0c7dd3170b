//! Schedule, every minute: explains the accesses to patients, and raises alerts about those that nothing explains, about
//! the audit log itself and about what is overdue.
//!
//! The database explains and compares (`migrations/V0031__explained_access.sql`, `migrations/V0034__integrity_alerts.sql`).

use std::time::Duration;

use api::job::Job;
use api::prelude::*;
use sql::row;

pub const ENDPOINT: Endpoint = Endpoint::schedule("every minute")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Explains the accesses to patients, and raises alerts")
    .needs("access:review")
    .recorded_as(Action::Process, ResourceType::AuditLog);

/// The number of audit rows in one transaction.
const ROWS: i32 = 500;

/// The longest time of one transaction. A run begins none that may not end in its own time.
const LONGEST: Duration = Duration::from_secs(10);

const REVIEW: &str = "select rows, persons, accesses, unexplained, alerts from review_access($1)";
const DUE: &str = "select alerts from raise_due_alerts()";
const OPEN: &str = "select alerts, oldest_seconds from open_alerts()";

row! {
    /// What a transaction reviewed.
    #[derive(Serialize)]
    pub struct Reviewed {
        /// The number of audit rows.
        pub rows: i64,
        /// The number of these that record an action of a person.
        pub persons: i64,
        /// The number of accesses to the data of one patient.
        pub accesses: i64,
        /// The number of accesses that nothing explains.
        pub unexplained: i64,
        /// The number of times that a rule raised an alert.
        pub alerts: i64,
    }
}

impl Content for Reviewed {
    fn patients(&self) -> Vec<PatientId> {
        Vec::new()
    }
}

row! {
    /// What was due without an access.
    #[derive(Serialize)]
    pub struct Due {
        /// The number of times that a rule raised an alert.
        pub alerts: i64,
    }
}

impl Content for Due {
    fn patients(&self) -> Vec<PatientId> {
        Vec::new()
    }
}

row! {
    /// The alerts that nobody has seen yet.
    pub struct OpenAlerts {
        /// The number of these alerts.
        pub alerts: i64,
        /// The age of the oldest in seconds.
        pub oldest_seconds: i64,
    }
}

/// Reviews all rows that there are. Errors: the database refuses. The next run reviews what is left.
pub async fn handle(job: Job) -> Result<(), Error> {
    while job.has_time(LONGEST) && job.audited(Search::default(), review).await? {}
    job.audited(Search::default(), raise_due).await?;
    report(&job).await
}

/// Reviews some rows. Returns whether there may be more. Rows of functions alone are left to the next run, unless they are
/// many: otherwise each run would review the row of the run before.
async fn review(mut access: Access<Search>) -> Result<bool, Error> {
    let reviewed: Reviewed = access.one(sql(REVIEW, &[&ROWS])).await?;
    let is_full = reviewed.rows == i64::from(ROWS);
    if is_full || reviewed.persons > 0 {
        access.add_note("rows", reviewed.rows);
        access.add_note("accesses", reviewed.accesses);
        access.add_note("unexplained", reviewed.unexplained);
        access.add_note("alerts", reviewed.alerts);
        access.commit(Json(reviewed)).await?;
    }
    Ok(is_full)
}

/// Raises the alerts that no access causes. Nothing is recorded if there are none.
async fn raise_due(mut access: Access<Search>) -> Result<(), Error> {
    let due: Due = access.one(sql(DUE, &[])).await?;
    if due.alerts > 0 {
        access.add_note("alerts", due.alerts);
        access.commit(Json(due)).await?;
    }
    Ok(())
}

/// Logs how many alerts nobody has seen yet. An alarm reads it, also for alerts that other functions raised.
async fn report(job: &Job) -> Result<(), Error> {
    let read = async |mut access: Access<Search>| access.one::<OpenAlerts>(sql(OPEN, &[])).await;
    let OpenAlerts {
        alerts,
        oldest_seconds,
    } = job.audited(Search::default(), read).await?;
    tracing::info!(alerts, oldest_seconds, "accesses reviewed");
    Ok(())
}

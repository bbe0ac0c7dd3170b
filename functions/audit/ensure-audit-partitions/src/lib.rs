//! Schedule, every day: makes the partitions of the audit log for the months to come.

use api::job::Job;
use api::prelude::*;
use sql::row;

pub const ENDPOINT: Endpoint = Endpoint::schedule("every day")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Makes the partitions of the audit log for the next 25 months")
    .needs("audit:maintain")
    .recorded_as(Action::Process, ResourceType::AuditLog);

/// A month without partition takes no row, so partitions are made long before they are needed.
const MONTHS: i32 = 25;

/// With fewer months ahead, an alarm tells that this function has not worked for a long time.
const FEW: i32 = 3;

const ENSURE: &str = "select ensure_audit_partitions($1) as made";
const AHEAD: &str = "select audit_months_ahead() as months";

row! {
    /// What a run did.
    #[derive(Serialize)]
    pub struct Made {
        /// The number of partitions that it made.
        pub made: i32,
    }
}

row! {
    /// What a run found.
    pub struct Ahead {
        /// The number of months after this one that have a partition.
        pub months: i32,
    }
}

impl Content for Made {
    fn patients(&self) -> Vec<PatientId> {
        Vec::new()
    }
}

/// Makes the missing partitions. Logs it if few months had one, whether or not more can be made. Errors: the
/// database refuses.
pub async fn handle(job: Job) -> Result<(), Error> {
    job.audited(Search::default(), ensure).await
}

/// Nothing is recorded if no partition was missing.
async fn ensure(mut access: Access<Search>) -> Result<(), Error> {
    let Ahead { months } = access.one(sql(AHEAD, &[])).await?;
    if months < FEW {
        tracing::error!(months, "few months of the audit log have a partition");
    }
    let Made { made } = access.one(sql(ENSURE, &[&MONTHS])).await?;
    if made > 0 {
        access.add_note("partitions", made);
        access.commit(Json(Made { made })).await?;
    }
    Ok(())
}

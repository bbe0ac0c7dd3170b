//! Schedule, every day: drops the business events that are older than 30 days, and makes the partitions for the weeks to
//! come.

use api::job::Job;
use api::prelude::*;
use sql::row;

pub const ENDPOINT: Endpoint = Endpoint::schedule("every day")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Drops business events after 30 days, and makes the partitions for the next 26 weeks")
    .needs("events:publish")
    .recorded_as(Action::Process, ResourceType::Event);

/// A week without partition takes no event, so nothing could be changed. So partitions are made long before they are
/// needed.
const WEEKS: i32 = 26;

/// With fewer weeks ahead, an alarm tells that this function has not worked for a long time.
const FEW: i32 = 8;

const TURN: &str = "select made, dropped, weeks from turn_event_partitions($1)";

row! {
    /// What a run did.
    #[derive(Serialize)]
    pub struct Turned {
        /// The number of partitions that it made.
        pub made: i32,
        /// The number of partitions that it dropped.
        pub dropped: i32,
        /// The number of weeks after this one that had a partition before.
        pub weeks: i32,
    }
}

impl Content for Turned {
    fn patients(&self) -> Vec<PatientId> {
        Vec::new()
    }
}

/// Makes and drops partitions. Logs it if few weeks had one. Errors: the database refuses.
pub async fn handle(job: Job) -> Result<(), Error> {
    job.audited(Search::default(), turn).await
}

/// Nothing is recorded if there was nothing to do.
async fn turn(mut access: Access<Search>) -> Result<(), Error> {
    let turned: Turned = access.one(sql(TURN, &[&WEEKS])).await?;
    if turned.weeks < FEW {
        tracing::error!(
            weeks = turned.weeks,
            "few weeks of business events have a partition"
        );
    }
    if turned.made + turned.dropped > 0 {
        access.add_note("made", turned.made);
        access.add_note("dropped", turned.dropped);
        access.commit(Json(turned)).await?;
    }
    Ok(())
}

//! Schedule, every five minutes: counts the refused tokens of each network, and raises alerts about networks with many.
//!
//! It reads them from the log of the functions, so a refused token costs its request no statement
//! (docs/decisions/0039-refused-tokens.md).

mod refusals;

use std::time::Duration;

use api::job::Job;
use api::prelude::*;
use sql::row;

use crate::refusals::{RefusalLog, Refused};

pub const ENDPOINT: Endpoint = Endpoint::schedule("every five minutes")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Counts the refused tokens of each network, and raises alerts")
    .needs("access:review")
    .recorded_as(Action::Process, ResourceType::Alert);

/// The longest time to search the log of an hour and to count. A run begins no hour that may not end in its own time.
const LONGEST: Duration = Duration::from_secs(30);

const NEXT: &str = "select since, until, is_whole from next_refused_tokens($1)";
const COUNT: &str = "select networks, tokens, alerts from count_refused_tokens($1, $2, $3, $4)";

row! {
    /// A part of the log, in one hour.
    #[derive(Clone, Copy)]
    pub struct Part {
        /// Its first moment.
        pub since: Timestamp,
        /// The first moment after it.
        pub until: Timestamp,
        /// Whether it reaches to the end of the hour.
        pub is_whole: bool,
    }
}

row! {
    /// What was counted.
    #[derive(Serialize)]
    pub struct Counted {
        /// The number of networks.
        pub networks: i64,
        /// The number of tokens that were refused.
        pub tokens: i64,
        /// The number of times that an alert was raised.
        pub alerts: i64,
    }
}

impl Content for Counted {
    fn patients(&self) -> Vec<PatientId> {
        Vec::new()
    }
}

/// Counts hour by hour up to now. Errors: the log can't be searched, or the database refuses. The next run goes on.
pub async fn handle(job: Job, Configured(log): Configured<RefusalLog>) -> Result<(), Error> {
    while job.has_time(LONGEST) {
        let next =
            async |mut access: Access<Search>| access.one::<Part>(sql(NEXT, &[&log.wait])).await;
        let part = job.audited(Search::default(), next).await?;
        if part.since >= part.until {
            break;
        }
        let refused = log.count(part.since, part.until).await?;
        // The rest of an hour without such tokens is read again, which saves an audit row.
        if part.is_whole || !refused.tokens.is_empty() {
            let counted = job.audited(Search::default(), |access| count(access, part, &refused));
            counted.await?;
        }
        if !part.is_whole {
            break;
        }
    }
    Ok(())
}

async fn count(
    mut access: Access<Search>,
    part: Part,
    Refused { addresses, tokens }: &Refused,
) -> Result<(), Error> {
    let counted: Counted = access
        .one(sql(COUNT, &[&part.since, &part.until, addresses, tokens]))
        .await?;
    access.add_note("networks", counted.networks);
    access.add_note("tokens", counted.tokens);
    access.add_note("alerts", counted.alerts);
    access.commit(Json(counted)).await.map(drop)
}

//! Schedule, every minute: sends business events to webhooks.
//!
//! What is about to leave is in the audit log first. A webhook gets its events in their order, each once the one before was
//! accepted. What a run doesn't settle is sent again, so an event may arrive more than once.

mod attempt;
mod step;
mod turn;

use api::job::Job;
use api::prelude::*;
use business_events::{Poll, Source};
use futures_util::{StreamExt as _, stream};
use https::Guarded;
use sql::row;
use webhooks::{Networks, WebhookKey};

use crate::turn::Run;

pub const ENDPOINT: Endpoint = Endpoint::schedule("every minute")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Sends business events to webhooks")
    .needs("webhooks:deliver")
    .recorded_as(Action::Disclose, ResourceType::Event);

/// The number of webhooks that get events at the same time.
const AT_ONCE: usize = 8;

const DUE: &str = "select id from due_webhooks() as due (id)";

row! {
    /// A webhook with something to do.
    pub struct Due {
        /// The id of the webhook.
        pub id: WebhookId,
    }
}

/// Sends what is due, and then, if the setting says so, what follows within the minute. Errors: the database fails. The
/// next run sends what is left.
pub async fn handle(
    job: Job,
    Configured(source): Configured<Source>,
    Configured(networks): Configured<Networks>,
    Configured(poll): Configured<Poll>,
    Secret(key): Secret<WebhookKey>,
) -> Result<(), Error> {
    let ends = poll.ends();
    let connections =
        Guarded::by(networks).map_err(|_| Error::Internal("the TLS library can't be used"))?;
    let run = Run::new(job.clone(), source, key, connections, ends);
    loop {
        let look = async |mut access: Access<Search>| access.all::<Due>(sql(DUE, &[])).await;
        let due = job.audited(Search::default(), look).await?;
        let nothing_is_due = due.is_empty();
        let turns = stream::iter(due).map(|webhook| run.turn(webhook.id));
        let turns: Vec<Result<(), Error>> = turns.buffer_unordered(AT_ONCE).collect().await;
        turns.into_iter().collect::<Result<(), _>>()?;
        let goes_on = match nothing_is_due {
            true => poll.wait(ends).await,
            // A turn is short, so that no receiver keeps others waiting. Perhaps there is more.
            false => run.has_time(),
        };
        if !goes_on {
            return Ok(());
        }
    }
}

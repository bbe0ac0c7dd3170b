//! Schedule, every minute: sends business events to Amazon EventBridge.
//!
//! What is about to leave is in the audit log first. An event is sent until EventBridge accepts it, so it may be sent
//! more than once.

mod event_bus;
mod sent;

use std::time::Instant;

use api::job::Job;
use api::prelude::*;
use business_events::{BusinessEvent, Concerned, Poll, Source, StoredEvent, stored_event_columns};
use sql::row;

use crate::event_bus::EventBus;
use crate::sent::Sent;

pub const ENDPOINT: Endpoint = Endpoint::schedule("every minute")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Sends business events to Amazon EventBridge")
    .needs("events:publish")
    .recorded_as(Action::Disclose, ResourceType::Event);

/// The number of events in one transaction.
const EVENTS: i32 = 100;

const TAKE: &str = concat!(
    "select ",
    stored_event_columns!(),
    " from take_events($1, $2, $3, $4) order by rank, number"
);
const BACKLOG: &str = "select oldest_seconds, dead from event_backlog()";

row! {
    /// What waits to be sent.
    pub struct Backlog {
        /// The age of the oldest event that EventBridge has not accepted, in seconds.
        pub oldest_seconds: i64,
        /// The number of events that are not sent again.
        pub dead: i64,
    }
}

/// Sends all events that there are, and then, if the setting says so, those that follow within the minute. Errors: the
/// database or EventBridge fails. The next run sends what is left.
pub async fn handle(
    job: Job,
    Configured(source): Configured<Source>,
    Configured(bus): Configured<EventBus>,
    Configured(poll): Configured<Poll>,
) -> Result<(), Error> {
    let ends = poll.ends();
    loop {
        let sent = send_all(&job, source, bus, ends).await;
        report_backlog(&job).await?;
        sent?;
        if !poll.wait(ends).await {
            return Ok(());
        }
    }
}

async fn send_all(job: &Job, source: &Source, bus: &EventBus, ends: Instant) -> Result<(), Error> {
    let mut sent = Sent::default();
    loop {
        let most = if Instant::now() < ends { EVENTS } else { 0 };
        if most == 0 && sent.ranks.is_empty() {
            return Ok(());
        }
        let taken = job.audited(Search::default(), |access| {
            take(access, source, &sent, most)
        });
        let events = taken.await?;
        if events.is_empty() {
            return Ok(());
        }
        let (answers, failure) = bus.send(&events).await;
        sent = Sent::default();
        for (event, code) in events.iter().zip(answers) {
            sent.add(event.place(), code);
        }
        if let Some(failure) = failure {
            // What was accepted before is settled. The rest is taken again.
            let settled = job.audited(Search::default(), |access| take(access, source, &sent, 0));
            settled.await?;
            return Err(failure);
        }
    }
}

/// Settles what was sent, and takes what is to be sent next. With `most` 0 the run ends. Nothing is recorded if there is
/// nothing to do.
async fn take(
    mut access: Access<Search>,
    source: &Source,
    sent: &Sent,
    most: i32,
) -> Result<Vec<BusinessEvent>, Error> {
    let Sent {
        ranks,
        numbers,
        codes,
    } = sent;
    let stored: Vec<StoredEvent> = access
        .all(sql(TAKE, &[ranks, numbers, codes, &most]))
        .await?;
    let events = source.events(stored);
    if !events.is_empty() || !ranks.is_empty() || most == 0 {
        let refused = codes.iter().flatten().count();
        access.add_note("events", events.len());
        access.add_note("accepted", codes.len() - refused);
        access.add_note("refused", refused);
        access.commit(Json(Concerned::by(&events))).await?;
    }
    Ok(events)
}

/// Logs what waits to be sent. Alarms read it.
async fn report_backlog(job: &Job) -> Result<(), Error> {
    let read = async |mut access: Access<Search>| access.one::<Backlog>(sql(BACKLOG, &[])).await;
    let Backlog {
        oldest_seconds,
        dead,
    } = job.audited(Search::default(), read).await?;
    tracing::info!(oldest_seconds, dead, "business events published");
    Ok(())
}

//! The turn of one webhook in a run.

use std::time::{Duration, Instant};

use api::job::Job;
use api::prelude::*;
use business_events::{EventType, Source};
use https::{Guarded, GuardedClient};
use tokio::sync::Mutex;
use webhooks::{Networks, WebhookKey};

use crate::attempt::{Attempt, TIMEOUT};
use crate::step::{Batch, step};

/// The most events of one transaction.
const EVENTS: i32 = 100;

/// How long a turn sends events. A webhook that is changed or archived during this time gets no event after it.
const TURN: Duration = Duration::from_secs(10);

/// What the last request of a run and the transaction after it may take.
const LAST: Duration = Duration::from_secs(TIMEOUT.as_secs() + 4);

/// One run of the schedule.
pub struct Run {
    job: Job,
    /// The transactions of an environment follow one another, because their audit rows are one chain.
    one_at_a_time: Mutex<()>,
    source: &'static Source,
    key: &'static WebhookKey,
    connections: Guarded<&'static Networks>,
    ends: Instant,
}

impl Run {
    /// A run that begins no request after `ends`.
    pub fn new(
        job: Job,
        source: &'static Source,
        key: &'static WebhookKey,
        connections: Guarded<&'static Networks>,
        ends: Instant,
    ) -> Self {
        Self {
            job,
            one_at_a_time: Mutex::new(()),
            source,
            key,
            connections,
            ends,
        }
    }

    /// Whether another request can be begun.
    pub fn has_time(&self) -> bool {
        Instant::now() < self.ends && self.job.has_time(LAST)
    }

    /// Sends the events of one webhook, until there is none left, one fails or the turn's time is over. Errors: the
    /// database fails. Then the events that aren't settled are sent again later.
    pub async fn turn(&self, webhook: WebhookId) -> Result<(), Error> {
        if !self.has_time() {
            return Ok(());
        }
        let ends = Instant::now() + TURN;
        let client = self.connections.client();
        let mut most = EVENTS;
        let mut attempts = None;
        loop {
            let alone = self.one_at_a_time.lock().await;
            let work = |access| step(access, webhook, self.source, attempts.take(), most);
            let (batch, disabled_reason) = self.job.audited(Search::default(), work).await?;
            drop(alone);
            if let Some(reason) = disabled_reason {
                tracing::error!(%webhook, reason, "a webhook was disabled");
            }
            let Some(batch) = batch.filter(|batch| !batch.events.is_empty()) else {
                return Ok(());
            };
            let (made, goes_on) = self.send(&client, webhook, &batch, ends).await?;
            attempts = Some(made);
            if !goes_on {
                most = 0;
            }
        }
    }

    /// Sends events one after another, until one fails or the time is over. Returns the attempts, and whether more can be
    /// sent. A test that fails delays no event.
    async fn send(
        &self,
        client: &GuardedClient<&'static Networks>,
        webhook: WebhookId,
        batch: &Batch,
        ends: Instant,
    ) -> Result<(Vec<Attempt>, bool), Error> {
        let to = &batch.destination;
        let former = to.former_signs.then_some(to.secret_generation - 1);
        let generations = [to.secret_generation].into_iter().chain(former);
        let secrets = generations.map(|generation| self.key.secret(webhook, generation));
        let secrets: Vec<_> = secrets.collect();
        let mut attempts = Vec::new();
        for event in &batch.events {
            if Instant::now() >= ends || !self.has_time() {
                return Ok((attempts, false));
            }
            let attempt = Attempt::make(client, &to.url, &secrets, event).await?;
            let fails = !attempt.is_accepted();
            if fails {
                // Neither the URL nor the receiver's answer is logged: both may contain secrets.
                tracing::warn!(
                    %webhook,
                    event = event.id,
                    outcome = attempt.outcome.label(),
                    status = attempt.http_status,
                    "a webhook did not accept an event"
                );
            }
            attempts.push(attempt);
            if fails && !event.is_of(EventType::WebhookTest) {
                return Ok((attempts, false));
            }
        }
        Ok((attempts, true))
    }
}

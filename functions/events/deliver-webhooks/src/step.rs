//! One transaction of a webhook's turn: settles what was sent, and takes what is to be sent next.

use api::prelude::*;
use business_events::{BusinessEvent, Concerned, Source, StoredEvent, stored_event_columns};
use sql::{Jsonb, row};

use crate::attempt::Attempt;

const BEGIN: &str = "select begin_webhook_turn($1) as is_begun";
const SETTLE: &str = "select settle_webhook($1, $2) as disabled_reason";
// A test comes first.
const TAKE: &str = concat!(
    "select ",
    stored_event_columns!(),
    " from take_webhook_events($1, $2) order by type <> 'webhook.test.v1', rank, number"
);
const TARGET: &str = "
    select url, secret_generation, coalesce(former_secret_until > now(), false) as former_signs
    from webhooks where id = $1";

row! {
    /// Whether a turn was begun.
    pub struct Begun {
        /// Whether no other run is busy with the webhook.
        pub is_begun: bool,
    }
}

row! {
    /// What a transaction made of attempts.
    pub struct Settled {
        /// Why the webhook was disabled.
        pub disabled_reason: Option<String>,
    }
}

row! {
    /// Where the events go.
    pub struct Destination {
        /// The URL.
        pub url: String,
        /// The number of the secret that signs.
        pub secret_generation: i32,
        /// Whether the secret before it signs, too.
        pub former_signs: bool,
    }
}

/// What is to be sent next.
pub struct Batch {
    pub destination: Destination,
    pub events: Vec<BusinessEvent>,
}

/// Settles these attempts, or begins the turn if there were none yet, and takes at most `most` events. With `most` 0 the
/// turn ends. None: another run is busy with the webhook. Returns also why the webhook was disabled, if it was.
pub async fn step(
    mut access: Access<Search>,
    webhook: WebhookId,
    source: &Source,
    attempts: Option<Vec<Attempt>>,
    most: i32,
) -> Result<(Option<Batch>, Option<String>), Error> {
    access.add_note("webhook", webhook.to_string());
    let mut disabled_reason = None;
    if let Some(attempts) = attempts {
        let accepted = attempts.iter().filter(|attempt| attempt.is_accepted());
        let accepted = accepted.count();
        access.add_note("accepted", accepted);
        access.add_note("refused", attempts.len() - accepted);
        let attempts = Jsonb(attempts);
        let settled: Settled = access.one(sql(SETTLE, &[&webhook, &attempts])).await?;
        disabled_reason = settled.disabled_reason;
    } else {
        let Begun { is_begun } = access.one(sql(BEGIN, &[&webhook])).await?;
        if !is_begun {
            return Ok((None, None));
        }
    }
    let stored: Vec<StoredEvent> = access.all(sql(TAKE, &[&webhook, &most])).await?;
    let destination: Destination = access.one(sql(TARGET, &[&webhook])).await?;
    let events = source.events(stored);
    access.add_note("events", events.len());
    access.commit(Json(Concerned::by(&events))).await?;
    let batch = Batch {
        destination,
        events,
    };
    Ok((Some(batch), disabled_reason))
}

//! One attempt to deliver an event, as Standard Webhooks describes it.
//!
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>

use std::time::{Duration, Instant, SystemTime};

use api::prelude::*;
use business_events::BusinessEvent;
use domain::webhook::DeliveryOutcome;
use https::http::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use https::http::response::Parts;
use https::http::{Request, StatusCode};
use https::{Failure, Forbidden, GuardedClient};
use tokio::time::error::Elapsed;
use webhooks::{Networks, SigningSecret};

/// How long a receiver may take to answer, including the connection.
pub const TIMEOUT: Duration = Duration::from_secs(15);

const AGENT: &str = concat!("caretrail/", env!("CARGO_PKG_VERSION"));

/// An attempt to deliver an event, until a transaction settles it.
#[derive(Debug, Serialize)]
pub struct Attempt {
    rank: i64,
    number: i64,
    attempted_at: Timestamp,
    pub outcome: DeliveryOutcome,
    pub http_status: Option<u16>,
    duration_ms: u64,
    /// How many seconds the receiver asks to wait.
    retry_after: Option<u64>,
}

impl Attempt {
    /// Sends an event to a URL, signed with these secrets. Errors: the event has no JSON.
    pub async fn make(
        client: &GuardedClient<&'static Networks>,
        url: &str,
        secrets: &[SigningSecret],
        event: &BusinessEvent,
    ) -> Result<Self, Error> {
        let (attempted_at, started) = (Timestamp::now(), Instant::now());
        let body = serde_json::to_string(event);
        let body = body.map_err(|_| Error::Internal("an event has no JSON"))?;
        let timestamp = attempted_at.microseconds() / 1_000_000;
        let signatures = secrets
            .iter()
            .map(|secret| secret.sign(&event.id, timestamp, &body));
        let request = Request::post(url)
            .header(CONTENT_TYPE, "application/cloudevents+json")
            .header(USER_AGENT, AGENT)
            .header("webhook-id", &event.id)
            .header("webhook-timestamp", timestamp)
            .header(
                "webhook-signature",
                signatures.collect::<Vec<_>>().join(" "),
            )
            .body(https::body(body));
        let answer = match request {
            Ok(request) => client.send(request, TIMEOUT).await,
            Err(error) => Err(error.into()),
        };
        let (rank, number) = event.place();
        Ok(Self {
            rank,
            number,
            attempted_at,
            outcome: outcome(&answer),
            http_status: answer.as_ref().ok().map(|head| head.status.as_u16()),
            duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            retry_after: answer.ok().and_then(|head| retry_after(&head)),
        })
    }

    /// Whether the receiver accepted the event.
    pub fn is_accepted(&self) -> bool {
        self.outcome == DeliveryOutcome::Accepted
    }
}

fn outcome(answer: &Result<Parts, Failure>) -> DeliveryOutcome {
    match answer {
        Ok(head) if head.status.is_success() => DeliveryOutcome::Accepted,
        Ok(_) => DeliveryOutcome::Refused,
        Err(failure) if failure.is::<Elapsed>() => DeliveryOutcome::TimedOut,
        Err(failure) if Forbidden::is_cause_of(failure) => DeliveryOutcome::Forbidden,
        Err(_) => DeliveryOutcome::Unreachable,
    }
}

/// How many seconds a receiver that has too much to do asks to wait (RFC 9110, 10.2.3).
fn retry_after(head: &Parts) -> Option<u64> {
    let may_ask = [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::SERVICE_UNAVAILABLE,
    ];
    if !may_ask.contains(&head.status) {
        return None;
    }
    let value = head.headers.get(RETRY_AFTER)?.to_str().ok()?;
    let seconds = value.parse().ok().or_else(|| {
        let date = httpdate::parse_http_date(value).ok()?;
        let left = date.duration_since(SystemTime::now());
        Some(left.map_or(0, |left| left.as_secs()))
    })?;
    // More would not fit into PostgreSQL's type, and is bounded there anyway.
    Some(seconds.min(24 * 60 * 60))
}

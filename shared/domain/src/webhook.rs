//! Webhooks: the receivers of business events by HTTP POST, and the log of their deliveries.

use schemars::JsonSchema;
use serde::Serialize;
use sql::{row, text_enum};

use crate::disclosure::Content;
use crate::ids::{DeliveryId, EventId, PatientId, WebhookId};
use crate::time::Timestamp;

text_enum! {
    /// The status of a webhook.
    pub enum WebhookStatus: "SCREAMING_SNAKE_CASE" {
        /// Events are delivered to it.
        Active,
        /// Only test events are delivered to it.
        Disabled,
    }
}

text_enum! {
    /// The reason for which a webhook is disabled.
    pub enum DisabledReason: "SCREAMING_SNAKE_CASE" {
        /// A caller disabled it.
        Requested,
        /// All attempts to deliver an event failed for three days.
        Failed,
        /// The receiver answered 410.
        Gone,
    }
}

text_enum! {
    /// The outcome of an attempt to deliver an event.
    pub enum DeliveryOutcome: "SCREAMING_SNAKE_CASE" {
        /// The receiver answered with a status from 200 to 299.
        Accepted,
        /// The receiver answered with another status.
        Refused,
        /// The receiver did not answer within 15 seconds.
        TimedOut,
        /// The receiver could not be reached over a secure connection, or the connection broke.
        Unreachable,
        /// The host of the URL has no address to which events may be sent.
        Forbidden,
        /// No attempt was made: events were deleted after 30 days before they were delivered.
        Expired,
    }
}

row! {
    /// A webhook: business events are sent to its URL, signed as Standard Webhooks says.
    #[derive(Debug, JsonSchema, Serialize)]
    pub struct Webhook {
        /// The id of the webhook, a UUID that the caller chose.
        pub id: WebhookId,
        /// The URL that receives the events.
        pub url: String,
        /// The purpose of the webhook in words. Null if it has none.
        pub description: Option<String>,
        /// The types of the events that are delivered. Null if events of all types are.
        pub event_types: Option<Vec<String>>,
        /// The status of the webhook.
        pub status: WebhookStatus,
        /// The reason for which the webhook is disabled. Null if it is active.
        pub disabled_reason: Option<DisabledReason>,
        /// The time at which it was disabled (RFC 3339, UTC). Null if it is active.
        pub disabled_at: Option<Timestamp>,
        /// The time of the first failed attempt to deliver the next event (RFC 3339, UTC). Null if it did not fail.
        pub failing_since: Option<Timestamp>,
        /// The time of the next attempt (RFC 3339, UTC). Null if the last attempt did not fail.
        pub next_attempt_at: Option<Timestamp>,
        /// The time until which the former secret signs beside the present one (RFC 3339, UTC). Null if the secret was
        /// never replaced.
        pub former_secret_until: Option<Timestamp>,
        /// The secret that signs the events: `whsec_` and 32 bytes in base64. Only the answer that creates the webhook or
        /// replaces its secret has it.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub secret: Option<String>,
        /// The time at which it was created (RFC 3339, UTC).
        pub created_at: Timestamp,
        /// The time of the last change (RFC 3339, UTC). Deliveries don't change it.
        pub updated_at: Timestamp,
        /// The version number of the webhook: it starts at 1 and grows by 1 with each change. The `ETag` header carries
        /// it too.
        #[schemars(range(min = 1))]
        pub version: i32,
    }
}

impl Content for Webhook {
    fn patients(&self) -> Vec<PatientId> {
        Vec::new()
    }

    fn version(&self) -> Option<i32> {
        Some(self.version)
    }
}

/// A `select` statement for a [`Webhook`] without its secret. The arguments are appended to it, for example a `where`
/// clause on `w`.
#[macro_export]
macro_rules! select_webhook {
    ($($rest:literal),+ $(,)?) => {
        concat!(
            "select w.id, w.url, w.description, w.event_types, w.status::text as status,
               w.disabled_reason::text as disabled_reason, w.disabled_at, p.first_failed_at as failing_since,
               p.next_at as next_attempt_at, w.former_secret_until, null::text as secret, w.created_at, w.updated_at,
               w.version
             from webhooks w join webhook_progress p on p.webhook_id = w.id ",
            $($rest),+
        )
    };
}

row! {
    /// An attempt to deliver an event.
    #[derive(Debug, JsonSchema, Serialize)]
    pub struct WebhookDelivery {
        /// The id of the attempt, a UUID.
        pub id: DeliveryId,
        /// The id of the event, a UUID. The receiver got it as `webhook-id`. Null with the outcome EXPIRED, like
        /// all other fields about the event and the answer.
        pub event_id: Option<EventId>,
        /// The type of the event, for example `caretrail.appointment.booked.v1`.
        pub event_type: Option<String>,
        /// The resource that the event is about, for example `appointments/` and its id.
        pub subject: Option<String>,
        /// The place of the event among all events of its subject, from 1 on.
        pub sequence: Option<i64>,
        /// The number of the attempt. The first one has number 1.
        pub attempt: Option<i32>,
        /// The time at which the attempt began (RFC 3339, UTC).
        pub attempted_at: Timestamp,
        /// The outcome of the attempt.
        pub outcome: DeliveryOutcome,
        /// The HTTP status that the receiver answered with. Null if there was no answer.
        pub http_status: Option<i32>,
        /// The number of milliseconds from the beginning of the attempt to its end.
        pub duration_ms: Option<i32>,
    }
}

impl Content for WebhookDelivery {
    fn patients(&self) -> Vec<PatientId> {
        Vec::new()
    }
}

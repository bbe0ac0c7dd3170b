//! `POST /v1/webhooks/{id}/replay`: lets the delivery of events to a webhook start anew from a time on.

use api::prelude::*;
use domain::select_webhook;
use domain::webhook::Webhook;

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/webhooks/{id}/replay")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Lets the delivery of events to a webhook start anew from a time on")
    .needs("webhooks:write")
    .recorded_as(Action::Update, ResourceType::Webhook)
    .idempotent(READ);

/// The time from which the events are delivered again.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Replay {
    /// The time of the first event to deliver again (RFC 3339, UTC), within the last 30 days.
    pub since: Timestamp,
}

const REPLAY: &str = "select replay_webhook($1, $2)::text";
const READ: &str =
    select_webhook!("where w.id = $1 and not w.is_archived and reach('webhooks:write') = 'ALL'");

/// The receiver gets events that it has processed again, with the same ids.
pub async fn handle(
    call: Call,
    Path(id): Path<WebhookId>,
    Body(replay): Body<Replay>,
) -> Reply<Json<Webhook>> {
    let mut access = call.authorize(id);
    access.add_note("since", replay.since.to_string());
    let webhook: Webhook = access
        .write_then_read(sql(REPLAY, &[&id, &replay.since]), sql(READ, &[&id]))
        .await
        .on_constraint(
            "webhooks_replay_since",
            Error::invalid("since", "expected a time within the last 30 days"),
        )?
        .row;
    access.commit(Json(webhook)).await
}

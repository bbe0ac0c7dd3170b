//! `PUT /v1/webhooks/{id}/secret`: replaces the secret of a webhook, and lets the former one sign beside it for a day.

use api::current::Current;
use api::prelude::*;
use domain::select_webhook;
use domain::webhook::Webhook;
use sql::row;
use webhooks::WebhookKey;

pub const ENDPOINT: Endpoint = Endpoint::put("/v1/webhooks/{id}/secret")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Replaces the secret of a webhook, and lets the former one sign beside it for a day")
    .needs("webhooks:write")
    .recorded_as(Action::Update, ResourceType::Webhook);

row! {
    /// What the secret follows from.
    pub struct Stored {
        /// The number of the present secret.
        pub secret_generation: i32,
    }
}

const CURRENT: &str = "
    select version, secret_generation from webhooks
    where id = $1 and not is_archived and reach('webhooks:write') = 'ALL'
    for update";
const ROTATE: &str = "
    update webhooks
    set secret_generation = secret_generation + 1, former_secret_until = now() + interval '24 hours'
    where id = $1";
const READ: &str = select_webhook!("where w.id = $1");

/// The answer has the new secret. No other answer has it.
pub async fn handle(
    call: Call,
    Path(id): Path<WebhookId>,
    if_match: IfMatch,
    Secret(key): Secret<WebhookKey>,
) -> Reply<Json<Webhook>> {
    let mut access = call.authorize(id);
    let current: Current<(), Stored> = access.load(if_match, sql(CURRENT, &[&id])).await?;
    let mut webhook: Webhook = access
        .write_then_read(sql(ROTATE, &[&id]), sql(READ, &[&id]))
        .await?
        .row;
    let generation = current.extra.secret_generation + 1;
    webhook.secret = Some(key.secret(id, generation).shown());
    access.commit(Json(webhook)).await
}

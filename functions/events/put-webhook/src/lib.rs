//! `PUT /v1/webhooks/{id}`: creates a webhook, or replaces its URL, types of events and status.

use api::prelude::*;
use domain::select_webhook;
use domain::text::{Identifier, Text};
use domain::webhook::{Webhook, WebhookStatus};
use sql::row;
use webhooks::{Networks, TargetUrl, WebhookKey};

pub const ENDPOINT: Endpoint = Endpoint::put("/v1/webhooks/{id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Creates a webhook, or replaces its URL, types of events and status")
    .needs("webhooks:write")
    .recorded_as(Action::Update, ResourceType::Webhook)
    .conflicts(&[&[TAKEN]]);

const TAKEN: &str =
    "A webhook with this id was archived, or is created at the same time. Choose another id.";

/// The complete definition of the webhook.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// The URL that receives the events: https, with the name or the public address of a host, and without user name and
    /// fragment.
    pub url: TargetUrl,
    /// The purpose of the webhook in words. It must not contain patient data.
    pub description: Option<Text<500>>,
    /// The types of the events to deliver, for example `caretrail.appointment.booked.v1`. Null for events of all types.
    #[schemars(length(min = 1, max = 100))]
    pub event_types: Option<Vec<Identifier<100>>>,
    /// The status of the webhook. To a disabled webhook, only test events are delivered.
    pub status: WebhookStatus,
}

row! {
    /// The version of a webhook.
    pub struct Stored {
        /// The version.
        pub version: i32,
    }
}

const CURRENT: &str = "select version from webhooks where id = $1 and not is_archived and reach('webhooks:write') = 'ALL' for update";
const CREATE: &str = "
    insert into webhooks (id, url, description, event_types, status)
    values ($1, $2, $3, $4, $5::text::webhook_status)";
const REPLACE: &str = "
    update webhooks
    set url = $2, description = $3, event_types = $4, status = $5::text::webhook_status
    where id = $1";
const READ: &str = select_webhook!("where w.id = $1");

/// The answer that creates the webhook has its secret. No other answer of this operation has it.
pub async fn handle(
    call: Call,
    Path(id): Path<WebhookId>,
    Body(new): Body<Definition>,
    if_match: Option<IfMatch>,
    Configured(networks): Configured<Networks>,
    Secret(key): Secret<WebhookKey>,
) -> Reply<Json<Webhook>> {
    let mut access = call.authorize(id);
    new.url.check(networks)?;
    let current: Option<Stored> = access.optional(sql(CURRENT, &[&id])).await?;
    let current = current.map(|stored| stored.version);
    IfMatch::check_replacement(if_match, current)?;
    let write = current.map_or(CREATE, |_| REPLACE);
    let mut webhook: Webhook = access
        .write_then_read(
            sql(
                write,
                &[
                    &id,
                    &new.url,
                    &new.description,
                    &new.event_types,
                    &new.status,
                ],
            ),
            sql(READ, &[&id]),
        )
        .await
        .on_constraints(definition_rule)?
        .row;
    if current.is_none() {
        webhook.secret = Some(key.secret(id, 1).shown());
    }
    access.commit(Json(webhook)).await
}

fn definition_rule(constraint: &str) -> Option<Error> {
    Some(match constraint {
        "webhooks_pkey" => Error::Conflict(TAKEN),
        "webhooks_event_types_count" => {
            Error::invalid("event_types", "expected 1 to 100 types of events, or null")
        }
        "webhooks_event_types_known" => Error::invalid(
            "event_types",
            "expected types of events, such as \"caretrail.appointment.booked.v1\"",
        ),
        _ => return None,
    })
}

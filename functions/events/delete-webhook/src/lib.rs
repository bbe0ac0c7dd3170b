//! `DELETE /v1/webhooks/{id}`: archives a webhook, which then gets no events.

use api::prelude::*;
use domain::select_webhook;
use domain::webhook::Webhook;

pub const ENDPOINT: Endpoint = Endpoint::delete("/v1/webhooks/{id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Archives a webhook, which then gets no events")
    .needs("webhooks:write")
    .recorded_as(Action::Delete, ResourceType::Webhook);

const CURRENT: &str = "select version from webhooks where id = $1 and not is_archived and reach('webhooks:write') = 'ALL' for update";
const ARCHIVE: &str = "
    update webhooks set is_archived = true, archived_at = now(), archived_by = actor_user()
    where id = $1";
const READ: &str = select_webhook!("where w.id = $1");

/// Archives the webhook. What is being sent in this moment may still arrive.
pub async fn handle(
    call: Call,
    Path(id): Path<WebhookId>,
    if_match: IfMatch,
) -> Reply<Json<Webhook>> {
    let mut access = call.authorize(id);
    access.check(if_match, sql(CURRENT, &[&id])).await?;
    let webhook: Webhook = access
        .write_then_read(sql(ARCHIVE, &[&id]), sql(READ, &[&id]))
        .await?
        .row;
    access.commit(Json(webhook)).await
}

//! `GET /v1/webhooks`: lists the webhooks.

use api::prelude::*;
use domain::select_webhook;
use domain::webhook::Webhook;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/webhooks")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Lists the webhooks")
    .needs("webhooks:read")
    .recorded_as(Action::Search, ResourceType::Webhook);

const LIST: &str = select_webhook!(
    "where reach('webhooks:read') = 'ALL' and not w.is_archived and ($1::uuid is null or w.id > $1)
     order by w.id limit $2"
);

/// Answers a page of the webhooks, in the order of their ids.
pub async fn handle(call: Call, page: PageRequest<WebhookId>) -> Reply<Json<Page<Webhook>>> {
    let mut access = call.authorize(Search::default());
    let webhooks: Vec<Webhook> = access
        .all(sql(LIST, &[&page.after().copied(), &page.fetch()]))
        .await?;
    access
        .commit(Json(page.page(webhooks, |webhook| webhook.id)))
        .await
}

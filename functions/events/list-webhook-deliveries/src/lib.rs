//! `GET /v1/webhooks/{id}/deliveries`: lists the attempts to deliver events to a webhook, newest first.

use api::prelude::*;
use domain::webhook::WebhookDelivery;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/webhooks/{id}/deliveries")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Lists the attempts to deliver events to a webhook, newest first")
    .needs("webhooks:read")
    .recorded_as(Action::Read, ResourceType::Webhook);

// A webhook without deliveries differs from none.
const LIST: &str = "
    select id, event_id, 'caretrail.' || type::text as event_type, subject, sequence, attempt, attempted_at,
      outcome::text as outcome, http_status, duration_ms
    from webhook_deliveries
    where reach('webhooks:read') = 'ALL' and (select require_webhook($1)) and webhook_id = $1
      and ($2::timestamptz is null or (attempted_at, id) < ($2, $3))
    order by attempted_at desc, id desc limit $4";

/// Answers a page of the attempts of the last 30 days. It has neither the events nor the receiver's answers.
pub async fn handle(
    call: Call,
    Path(id): Path<WebhookId>,
    page: PageRequest<(Timestamp, DeliveryId)>,
) -> Reply<Json<Page<WebhookDelivery>>> {
    let (before, before_id) = page.after().copied().unzip();
    let mut access = call.authorize(id);
    let deliveries: Vec<WebhookDelivery> = access
        .all(sql(LIST, &[&id, &before, &before_id, &page.fetch()]))
        .await?;
    let page = page.page(deliveries, |attempt| (attempt.attempted_at, attempt.id));
    access.commit(Json(page)).await
}

//! `GET /v1/alert-rules`: lists the rules by which alerts are raised.

use api::prelude::*;
use domain::alert::AlertRule;
use domain::select_alert_rule;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/alert-rules")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Lists the rules by which alerts are raised")
    .needs("alerts:read")
    .recorded_as(Action::Search, ResourceType::AlertRule);

const LIST: &str = select_alert_rule!(
    "where reach('alerts:read') = 'ALL' and ($1::text is null or name > $1) order by name limit $2"
);

/// Answers a page of the rules, in the order of their names.
pub async fn handle(call: Call, page: PageRequest<String>) -> Reply<Json<Page<AlertRule>>> {
    let mut access = call.authorize(Search::default());
    let rules: Vec<AlertRule> = access
        .all(sql(LIST, &[&page.after().cloned(), &page.fetch()]))
        .await?;
    access
        .commit(Json(page.page(rules, |rule| rule.name.clone())))
        .await
}

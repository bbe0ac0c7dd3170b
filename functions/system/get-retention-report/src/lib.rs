//! `GET /v1/retention-report`: says what will be deleted next and why, and what keeps the rest.

use api::prelude::*;
use domain::number::Whole;
use domain::retention::RetentionReport;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/retention-report")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Says what will be deleted next and why, and what keeps the rest")
    .needs("retention:read")
    .recorded_as(Action::Read, ResourceType::Retention);

const DEFAULT_LIMIT: i32 = 50;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// The greatest number of legal holds, and of resources, that are listed, 1 to 100. The default is 50.
    pub limit: Option<Whole<1, 100>>,
}

const REPORT: &str = "
    select jurisdiction, is_deletion_on, days_to_object, rules, counts, holds, listed, audit_months
    from retention_report($1)";

/// Answers the report of the last daily run. It changes nothing.
pub async fn handle(call: Call, Query(filter): Query<Filter>) -> Reply<Json<RetentionReport>> {
    let limit = filter.limit.map_or(DEFAULT_LIMIT, Whole::get);
    let mut access = call.authorize(Search::default());
    let report: RetentionReport = access.one(sql(REPORT, &[&limit])).await?;
    access.commit(Json(report)).await
}

//! `GET /v1/alerts`: lists the alerts, newest first.

use api::prelude::*;
use domain::alert::{Alert, AlertStatus};
use domain::select_alert;
use domain::text::Identifier;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/alerts")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Lists the alerts, newest first")
    .needs("alerts:read")
    .recorded_as(Action::Search, ResourceType::Alert);

/// The filter for a list of alerts.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Only alerts with this status are listed.
    pub status: Option<AlertStatus>,
    /// Only alerts that this rule raised are listed, for example `unexplained-access`.
    pub rule: Option<Identifier<64>>,
    /// Only alerts about accesses of this user are listed.
    pub actor_id: Option<UserId>,
    /// Only alerts about the data of this patient are listed.
    pub patient_id: Option<PatientId>,
    /// Only alerts that are assigned to this user are listed.
    pub assigned_to: Option<UserId>,
}

// RESOLVED is compared as a literal. The planner can't tell that a parameter matches a partial index, or nearly all rows.
const LIST: &str = select_alert!(
    "where reach('alerts:read') = 'ALL'
       and (coalesce($1::text, 'RESOLVED') = 'RESOLVED'
         or (status = $1::text::alert_status and status <> 'RESOLVED'))
       and ($1::text is distinct from 'RESOLVED' or status = 'RESOLVED')
       and ($2::text is null or rule = $2)
       and ($3::uuid is null or actor_id = $3)
       and ($4::uuid is null or patient_id = $4)
       and ($5::uuid is null or assigned_to = $5)
       and ($6::timestamptz is null or (first_at, id) < ($6, $7))
     order by first_at desc, id desc limit $8"
);

/// Answers a page of the alerts.
pub async fn handle(
    call: Call,
    Query(filter): Query<Filter>,
    page: PageRequest<(Timestamp, AlertId)>,
) -> Reply<Json<Page<Alert>>> {
    let (after_time, after_id) = page.after().copied().unzip();
    let mut access = call.authorize(Search {
        patient: filter.patient_id,
    });
    let alerts: Vec<Alert> = access
        .all(sql(
            LIST,
            &[
                &filter.status,
                &filter.rule,
                &filter.actor_id,
                &filter.patient_id,
                &filter.assigned_to,
                &after_time,
                &after_id,
                &page.fetch(),
            ],
        ))
        .await?;
    access
        .commit(Json(page.page(alerts, |alert| (alert.first_at, alert.id))))
        .await
}

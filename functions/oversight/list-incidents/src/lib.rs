//! `GET /v1/incidents`: lists the incidents, newest first.

use api::prelude::*;
use domain::incident::{Incident, IncidentDecision, IncidentStatus};
use domain::select_incident;
use sql::union_all;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/incidents")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Lists the incidents, newest first")
    .needs("incidents:read")
    .recorded_as(Action::Search, ResourceType::Incident);

/// The filter for a list of incidents.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Only incidents with this status are listed.
    pub status: Option<IncidentStatus>,
    /// Only incidents with this decision are listed. With `patient_id` and `BREACH`, these are the patient's breaches.
    pub decision: Option<IncidentDecision>,
    /// Only incidents that affect this patient are listed.
    pub patient_id: Option<PatientId>,
    /// Only incidents about accesses of this user are listed.
    pub actor_id: Option<UserId>,
    /// Whether only incidents with an overdue step are listed, or only others. By default both are.
    pub overdue: Option<bool>,
}

// The conditions on the status behind the first repeat a part of it as literals, because a parameter can't match a partial
// index. Only incidents that aren't closed have an overdue step.
const LIST: &str = union_all!(
    select: select_incident!(""),
    branches: [
        "$3::uuid is null",
        (
            "i.id = affected.incident_id",
            for each "(select incident_id from incident_patients where patient_id = $3 and not is_excluded) as affected"
        ),
    ],
    filters: "reach('incidents:read') = 'ALL'
        and ($1::text is null or i.status = $1::text::incident_status)
        and (coalesce($1::text, 'CLOSED') = 'CLOSED' or i.status <> 'CLOSED')
        and ($2::text is null or i.decision = $2::text::incident_decision)
        and ($4::uuid is null or i.actor_id = $4)
        and ($5::boolean is null or c.is_overdue = $5)
        and (coalesce(not $5, true) or i.status <> 'CLOSED')
        and ($6::timestamptz is null or (i.created_at, i.id) < ($6, $7))",
    order: "order by created_at desc, id desc limit $8",
);

/// Answers a page of the incidents.
pub async fn handle(
    call: Call,
    Query(filter): Query<Filter>,
    page: PageRequest<(Timestamp, IncidentId)>,
) -> Reply<Json<Page<Incident>>> {
    let (after_time, after_id) = page.after().copied().unzip();
    let mut access = call.authorize(Search {
        patient: filter.patient_id,
    });
    let incidents: Vec<Incident> = access
        .all(sql(
            LIST,
            &[
                &filter.status,
                &filter.decision,
                &filter.patient_id,
                &filter.actor_id,
                &filter.overdue,
                &after_time,
                &after_id,
                &page.fetch(),
            ],
        ))
        .await?;
    let page = page.page(incidents, |incident| (incident.created_at, incident.id));
    access.commit(Json(page)).await
}

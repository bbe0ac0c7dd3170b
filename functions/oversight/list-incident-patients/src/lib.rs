//! `GET /v1/incidents/{id}/patients`: lists the affected patients of an incident.

use api::prelude::*;
use domain::incident::IncidentPatient;
use domain::select_incident_patient;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/incidents/{id}/patients")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Lists the affected patients of an incident")
    .needs("incidents:read")
    .recorded_as(Action::Read, ResourceType::Incident);

// An incident without patients differs from none.
const LIST: &str = select_incident_patient!(
    "where reach('incidents:read') = 'ALL' and (select require_incident($1)) and p.incident_id = $1
       and ($2::uuid is null or p.patient_id > $2)
     order by p.patient_id limit $3"
);

/// Answers a page of the patients, in the order of their ids. Excluded patients are listed, too.
pub async fn handle(
    call: Call,
    Path(id): Path<IncidentId>,
    page: PageRequest<PatientId>,
) -> Reply<Json<Page<IncidentPatient>>> {
    let mut access = call.authorize(id);
    let patients: Vec<IncidentPatient> = access
        .all(sql(LIST, &[&id, &page.after().copied(), &page.fetch()]))
        .await?;
    access
        .commit(Json(page.page(patients, |patient| patient.patient_id)))
        .await
}

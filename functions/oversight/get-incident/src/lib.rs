//! `GET /v1/incidents/{id}`: reads an incident.

use api::prelude::*;
use domain::incident::Incident;
use domain::select_incident;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/incidents/{id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Reads an incident")
    .needs("incidents:read")
    .recorded_as(Action::Read, ResourceType::Incident);

const GET: &str = select_incident!("where i.id = $1 and reach('incidents:read') = 'ALL'");

/// Answers the incident with its due dates.
pub async fn handle(call: Call, Path(id): Path<IncidentId>) -> Reply<Json<Incident>> {
    call.authorize(id).read(sql(GET, &[&id])).await
}

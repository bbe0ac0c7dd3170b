//! `GET /v1/patients/{id}`: reads a patient, with clinical fields if the caller has clinical access.

use api::prelude::*;
use domain::patient::Patient;
use domain::select_patient;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/patients/{id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Reads a patient, with clinical fields if the caller has clinical access")
    .needs("patients:read")
    .recorded_as(Action::Read, ResourceType::Patient);

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Whether an archived patient is returned too. By default they are not. Only users who manage
    /// patient registration can see archived patients.
    #[serde(default)]
    pub include_archived: bool,
}

const GET: &str = select_patient!(
    "where id = $1 and reaches('patients:read', id)
       and ($2 and reaches('patients:write', id) or not is_archived)"
);

pub async fn handle(
    call: Call,
    Path(id): Path<PatientId>,
    Query(filter): Query<Filter>,
) -> Reply<Json<Patient>> {
    call.authorize(id)
        .read(sql(GET, &[&id, &filter.include_archived]))
        .await
}

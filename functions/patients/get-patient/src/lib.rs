//! `GET /v1/patients/{id}`: one patient, with clinical fields for who may see them.

use api::prelude::*;
use domain::patient::Patient;
use domain::select_patient;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint::get("/v1/patients/{id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("One patient, with clinical fields for who may see them")
    .needs("patients:read")
    .recorded_as(Action::Read, ResourceType::Patient);

/// The query.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// An archived one, too, for who keeps the register.
    #[serde(default)]
    pub include_archived: bool,
}

const GET: &str = select_patient!(
    "where id = $1 and reaches('patients:read', id)
       and ($2 and reach('patients:write') = 'ALL' or not is_archived)"
);

/// Answers the patient.
pub async fn handle(
    call: Call,
    Path(id): Path<PatientId>,
    Query(filter): Query<Filter>,
) -> Reply<Json<Patient>> {
    let mut access = call.authorize(id);
    let patient: Patient = access
        .one(sql(GET, &[&id, &filter.include_archived]))
        .await?;
    access.commit(Json(patient)).await
}

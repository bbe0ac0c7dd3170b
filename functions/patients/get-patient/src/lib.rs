//! `GET /v1/patients/{id}`: one patient, with clinical fields for who may see them.

use serde::Deserialize;
use shared::domain::patient::Patient;
use shared::prelude::*;
use shared::select_patient;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint {
    name: "get-patient",
    permission: "patients:read",
    action: Action::Read,
    resource: ResourceType::Patient,
};

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
pub async fn handle(call: Call) -> Reply<Json<Patient>> {
    let id: PatientId = call.path("id")?;
    let filter: Filter = call.query()?;
    let mut access = call.authorize(id);
    let patient: Patient = access
        .one(sql(GET, &[&id, &filter.include_archived]))
        .await?;
    access.commit(Json(patient)).await
}

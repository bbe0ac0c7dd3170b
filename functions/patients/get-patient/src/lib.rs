//! `GET /v1/patients/{id}`: one patient, with clinical fields for who may see them.

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

const GET: &str =
    select_patient!("where id = $1 and reaches('patients:read', id) and not is_archived");

/// Answers the patient.
pub async fn handle(call: Call) -> Reply<Json<Patient>> {
    let id: PatientId = call.path("id")?;
    let mut access = call.authorize(id);
    let patient: Patient = access.one(sql(GET, &[&id])).await?;
    access.commit(Json(patient)).await
}

//! `DELETE /v1/patients/{id}/providers/{provider_id}`: takes a patient out of a provider's care.

use shared::domain::patient::Patient;
use shared::prelude::*;
use shared::select_patient;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint {
    name: "unassign-provider",
    permission: "patients:assign",
    action: Action::Update,
    resource: ResourceType::Patient,
};

const UNASSIGN: &str = "
    update patients set assigned_providers = array_remove(assigned_providers, $2)
    where id = $1 and assigned_providers @> array[$2] and not is_archived";
const READ: &str = select_patient!("where id = $1 and not is_archived");

/// Takes the assignment back; one that isn't there stays away. Visits keep their own reach.
pub async fn handle(call: Call) -> Reply<Json<Patient>> {
    let id: PatientId = call.path("id")?;
    let provider: ProviderId = call.path("provider_id")?;
    let mut access = call.authorize(InChart {
        resource: id,
        patient: id,
    });
    access.note("provider_id", provider.to_string());
    let patient: Patient = access
        .write_then_read(sql(UNASSIGN, &[&id, &provider]), sql(READ, &[&id]))
        .await?;
    access.commit(Json(patient)).await
}

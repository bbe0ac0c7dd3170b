//! `DELETE /v1/patients/{id}/providers/{provider_id}`: takes a patient out of a provider's care.

use api::prelude::*;
use domain::patient::Patient;
use domain::select_patient;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint::delete("/v1/patients/{id}/providers/{provider_id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Takes a patient out of a provider's care")
    .needs("patients:assign")
    .recorded_as(Action::Update, ResourceType::Patient);

const UNASSIGN: &str = "
    update patients set assigned_providers = array_remove(assigned_providers, $2)
    where id = $1 and assigned_providers @> array[$2] and not is_archived";
const READ: &str = select_patient!("where id = $1 and not is_archived");

/// Takes the assignment back; one that isn't there stays away. Visits keep their own reach.
pub async fn handle(
    call: Call,
    Path(id): Path<PatientId>,
    Path(provider): Path<ProviderId>,
) -> Reply<Json<Patient>> {
    let mut access = call.authorize(InChart {
        resource: id,
        patient: id,
    });
    access.add_note("provider_id", provider.to_string());
    let patient: Patient = access
        .write_then_read(sql(UNASSIGN, &[&id, &provider]), sql(READ, &[&id]))
        .await?
        .row;
    access.commit(Json(patient)).await
}

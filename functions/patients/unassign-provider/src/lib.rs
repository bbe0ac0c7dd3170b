//! `DELETE /v1/patients/{id}/providers/{provider_id}`: ends the assignment of a patient to a provider.

use api::prelude::*;
use domain::patient::Patient;
use domain::select_patient;

pub const ENDPOINT: Endpoint = Endpoint::delete("/v1/patients/{id}/providers/{provider_id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Ends the assignment of a patient to a provider")
    .needs("patients:assign")
    .recorded_as(Action::Update, ResourceType::Patient);

const UNASSIGN: &str = "
    update patients set assigned_providers = array_remove(assigned_providers, $1)
    where id = $2 and assigned_providers @> array[$1] and not is_archived";
const READ: &str = select_patient!("where id = $1 and not is_archived");

/// Without an assignment, nothing changes. The patient stays in the provider's care while they have
/// another basis, such as an appointment together.
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
        .write_then_read(sql(UNASSIGN, &[&provider, &id]), sql(READ, &[&id]))
        .await?
        .row;
    access.commit(Json(patient)).await
}

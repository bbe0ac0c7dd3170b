//! `PUT /v1/patients/{id}/providers/{provider_id}`: puts a patient into a provider's care.

use shared::domain::patient::Patient;
use shared::prelude::*;
use shared::select_patient;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint {
    name: "assign-provider",
    permission: "patients:assign",
    action: Action::Update,
    resource: ResourceType::Patient,
};

const ASSIGN: &str = "
    update patients set assigned_providers = assigned_providers || $2::uuid
    where id = $1 and not assigned_providers @> array[$2] and not is_archived";
const READ: &str = select_patient!("where id = $1 and not is_archived");

/// Assigns the provider; assigning again changes nothing.
pub async fn handle(call: Call) -> Reply<Json<Patient>> {
    let id: PatientId = call.path("id")?;
    let provider: ProviderId = call.path("provider_id")?;
    let mut access = call.authorize(InChart {
        resource: id,
        patient: id,
    });
    access.note("provider_id", provider.to_string());
    let patient: Patient = access
        .write_then_read(sql(ASSIGN, &[&id, &provider]), sql(READ, &[&id]))
        .await
        .on_constraint(
            "patients_assigned_providers_exist",
            Error::invalid("provider_id", "expected a provider"),
        )?;
    access.commit(Json(patient)).await
}

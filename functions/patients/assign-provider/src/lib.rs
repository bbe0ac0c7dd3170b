//! `PUT /v1/patients/{id}/providers/{provider_id}`: puts a patient into a provider's care.

use api::prelude::*;
use domain::patient::Patient;
use domain::select_patient;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint::put("/v1/patients/{id}/providers/{provider_id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Puts a patient into a provider's care")
    .needs("patients:assign")
    .recorded_as(Action::Update, ResourceType::Patient);

const ASSIGN: &str = "
    update patients set assigned_providers = assigned_providers || $2::uuid
    where id = $1 and not assigned_providers @> array[$2] and not is_archived";
const READ: &str = select_patient!("where id = $1 and not is_archived");

/// Assigns the provider; assigning again changes nothing.
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
        .write_then_read(sql(ASSIGN, &[&id, &provider]), sql(READ, &[&id]))
        .await
        .on_constraint(
            "patients_assigned_providers_exist",
            Error::invalid("provider_id", "expected a provider"),
        )?
        .row;
    access.commit(Json(patient)).await
}

//! `PUT /v1/patients/{id}/providers/{provider_id}`: assigns a patient to a provider.

use api::prelude::*;
use domain::care::{WithCare, care_rule};
use domain::patient::Patient;
use domain::{select_patient, with_care_given};

pub const ENDPOINT: Endpoint = Endpoint::put("/v1/patients/{id}/providers/{provider_id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Assigns a patient to a provider")
    .needs("patients:assign")
    .recorded_as(Action::Update, ResourceType::Patient);

const ASSIGN: &str = "
    update patients set assigned_providers = assigned_providers || $1::uuid
    where id = $2 and not assigned_providers @> array[$1] and not is_archived";
const READ: &str = with_care_given!(
    select_patient!("where id = $1 and not is_archived"),
    patient: "id",
    source: "$2"
);

/// A repeated assignment changes nothing. Errors: the caller is the provider.
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
    let WithCare { row: patient, care }: WithCare<Patient> = access
        .write_then_read(sql(ASSIGN, &[&provider, &id]), sql(READ, &[&id, &provider]))
        .await
        .on_constraints(care_rule)
        .on_constraint(
            "patients_assigned_providers_exist",
            Error::invalid("provider_id", "expected the id of a registered provider"),
        )?
        .row;
    if let Some(care) = care {
        access.add_note("care", care);
    }
    access.commit(Json(patient)).await
}

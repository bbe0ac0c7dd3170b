//! A request has one body.

use api::prelude::*;
use domain::patient::Patient;

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/patients")
    .named("create-patient")
    .summary("Registers a patient")
    .needs("patients:write")
    .recorded_as(Action::Create, ResourceType::Patient);

#[derive(serde::Deserialize, JsonSchema)]
pub struct NewPatient {}

pub async fn handle(
    call: Call,
    Body(_): Body<NewPatient>,
    Body(_): Body<NewPatient>,
) -> Reply<Json<Patient>> {
    let access = call.authorize(PatientId::generate());
    access.commit(unimplemented!()).await
}

const _: () = api::handler::check(&ENDPOINT, &handle);

//! An `Idempotency-Key` is for POST: the other methods are safe to repeat without one.

use api::prelude::*;
use domain::patient::Patient;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/patients")
    .named("get-patient")
    .summary("Answers one patient")
    .needs("patients:read")
    .recorded_as(Action::Read, ResourceType::Patient)
    .idempotent("select");

pub async fn handle(call: Call) -> Reply<Json<Patient>> {
    let access = call.authorize(PatientId::generate());
    access.commit(unimplemented!()).await
}

const _: () = api::handler::check(&ENDPOINT, &handle);

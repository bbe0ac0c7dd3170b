//! A parameter of the route that the handler doesn't take would be ignored.

use api::prelude::*;
use domain::patient::Patient;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/patients/{id}")
    .named("get-patient")
    .summary("Answers one patient")
    .needs("patients:read")
    .recorded_as(Action::Read, ResourceType::Patient);

pub async fn handle(call: Call) -> Reply<Json<Patient>> {
    let access = call.authorize(PatientId::generate());
    access.commit(unimplemented!()).await
}

const _: () = api::handler::check(&ENDPOINT, &handle);

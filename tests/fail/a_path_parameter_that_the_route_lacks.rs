//! A path parameter that the route lacks has no value.

use api::prelude::*;
use domain::patient::Patient;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/patients")
    .named("get-patient")
    .summary("Answers one patient")
    .needs("patients:read")
    .recorded_as(Action::Read, ResourceType::Patient);

pub async fn handle(call: Call, Path(id): Path<PatientId>) -> Reply<Json<Patient>> {
    let access = call.authorize(id);
    access.commit(unimplemented!()).await
}

const _: () = api::handler::check(&ENDPOINT, &handle);

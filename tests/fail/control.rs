//! A correct endpoint, which compiles.

use files::{Download, FileType, Location, Store};
use domain::patient::Patient;
use api::prelude::*;
use domain::select_patient;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/patients/{id}")
    .named("get-patient")
    .summary("Answers one patient")
    .needs("patients:read")
    .recorded_as(Action::Read, ResourceType::Patient);

const GET: &str = select_patient!("where id = $1");

pub async fn handle(call: Call, Path(id): Path<PatientId>) -> Reply<Json<Patient>> {
    let mut access = call.authorize(id);
    let patient: Patient = access.one(sql(GET, &[&id])).await?;
    access.commit(Json(patient)).await
}

const _: () = api::handler::check(&ENDPOINT, &handle);

pub async fn sign(
    access: &mut Access<FileId>,
    store: &Store,
    at: &Location,
) -> Result<Download, Error> {
    let file = *access.granted();
    store
        .presign_download(access, at, None, file, FileType::Pdf)
        .await
}

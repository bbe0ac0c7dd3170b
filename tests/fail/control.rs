//! A correct endpoint, which compiles.

use files::{Download, FileType, Location, store};
use shared::domain::patient::Patient;
use shared::prelude::*;
use shared::select_patient;

const GET: &str = select_patient!("where id = $1");

pub async fn handle(call: Call) -> Reply<Json<Patient>> {
    let id: PatientId = call.path("id")?;
    let mut access = call.authorize(id);
    let patient: Patient = access.one(sql(GET, &[&id])).await?;
    access.commit(Json(patient)).await
}

pub async fn sign(access: &mut Access<FileId>, at: &Location) -> Result<Download, Error> {
    let file = *access.granted();
    store()?
        .presign_download(access, at, None, file, FileType::Pdf)
        .await
}

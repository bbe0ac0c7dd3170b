//! A handler that answers without committing an audit row.

use domain::patient::Patient;
use api::prelude::*;

pub async fn handle(call: Call) -> Reply<Json<Patient>> {
    let id: PatientId = call.path("id")?;
    let mut access = call.authorize(id);
    let patient: Patient = access.one(sql("select", &[&id])).await?;
    Ok(Json(patient))
}

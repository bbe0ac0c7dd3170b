//! A handler that answers without committing an audit row.

use domain::patient::Patient;
use api::prelude::*;

pub async fn handle(call: Call, Path(id): Path<PatientId>) -> Reply<Json<Patient>> {
    let mut access = call.authorize(id);
    let patient: Patient = access.one(sql("select", &[&id])).await?;
    Ok(Json(patient))
}

//! A read after the commit, which the audit row can't record.

use domain::patient::Patient;
use api::prelude::*;

pub async fn handle(call: Call, Path(id): Path<PatientId>) -> Result<(), Error> {
    let mut access = call.authorize(id);
    let patient: Patient = access.one(sql("select", &[&id])).await?;
    access.commit(Json(patient)).await?;
    let _more: Patient = access.one(sql("select", &[&id])).await?;
    Ok(())
}

//! `DELETE /v1/patients/{id}`: archives a patient; her chart is kept.

use shared::domain::patient::Patient;
use shared::prelude::*;
use shared::select_patient;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint {
    name: "delete-patient",
    permission: "patients:write",
    action: Action::Delete,
    resource: ResourceType::Patient,
};

const CURRENT: &str = "
    select version from patients
    where id = $1 and reach('patients:write') = 'ALL' and not is_archived
    for update";
const ARCHIVE: &str = "
    update patients set is_archived = true, archived_at = now(), archived_by = actor_user()
    where id = $1";
const READ: &str = select_patient!("where id = $1");

/// Answers the patient as archived.
pub async fn handle(call: Call) -> Reply<Json<Patient>> {
    let id: PatientId = call.path("id")?;
    let if_match = call.if_match()?;
    let mut access = call.authorize(InChart {
        resource: id,
        patient: id,
    });
    access.check(if_match, sql(CURRENT, &[&id])).await?;
    let patient: Patient = access
        .write_then_read(sql(ARCHIVE, &[&id]), sql(READ, &[&id]))
        .await
        .on_constraint(
            "patients_without_visits",
            Error::Conflict("the patient has visits to come"),
        )?;
    access.commit(Json(patient)).await
}

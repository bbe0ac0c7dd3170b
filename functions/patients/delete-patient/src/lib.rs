//! `DELETE /v1/patients/{id}`: archives a patient and keeps their medical records.

use api::prelude::*;
use domain::patient::Patient;
use domain::select_patient;

pub const ENDPOINT: Endpoint = Endpoint::delete("/v1/patients/{id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Archives a patient and keeps their medical records")
    .needs("patients:write")
    .recorded_as(Action::Delete, ResourceType::Patient)
    .conflicts(&[&[HAS_FUTURE_APPOINTMENTS], &[CHANGED_SINCE_IMPORT]]);

const HAS_FUTURE_APPOINTMENTS: &str = "The patient has future appointments. Cancel them first.";

const CURRENT: &str = "
    select version from patients
    where id = $1 and reaches('patients:write', id) and not is_archived
    for update";
const ARCHIVE: &str = "
    update patients set is_archived = true, archived_at = now(), archived_by = actor_user()
    where id = $1";
const READ: &str = select_patient!("where id = $1");

pub async fn handle(
    call: Call,
    Path(id): Path<PatientId>,
    if_match: IfMatch,
) -> Reply<Json<Patient>> {
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
            Error::Conflict(HAS_FUTURE_APPOINTMENTS),
        )?
        .row;
    access.commit(Json(patient)).await
}

//! `POST /v1/appointments/{id}/no-show`: records that the patient of an appointment did not come.

use api::prelude::*;
use domain::appointment::Appointment;
use domain::select_appointment;

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/appointments/{id}/no-show")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Records that the patient of an appointment did not come")
    .needs("appointments:attendance")
    .recorded_as(Action::Update, ResourceType::Appointment)
    .conflicts(&[&[NOT_MISSED], &[CHANGED_SINCE_IMPORT]])
    .idempotent(READ);

const NOT_MISSED: &str =
    "Only a SCHEDULED appointment that has started can be marked as a no-show.";

const MARK: &str = "
    update appointments set status = 'NO_SHOW'
    where id = $1 and not is_archived and records_attendance(patient_id, provider_id, source_system)
      and status = 'SCHEDULED' and scheduled_at <= now()";
const READ: &str = select_appointment!(
    "where id = $1 and not is_archived and records_attendance(patient_id, provider_id, source_system)"
);

/// Marks the appointment as missed. The care that it gave its provider ends. Errors: it has not started, or it
/// is checked in, completed, cancelled or missed already.
pub async fn handle(call: Call, Path(id): Path<AppointmentId>) -> Reply<Json<Appointment>> {
    let mut access = call.authorize(id);
    let Written {
        row: appointment,
        is_changed,
    }: Written<Appointment> = access
        .write_then_read(sql(MARK, &[&id]), sql(READ, &[&id]))
        .await?;
    if !is_changed {
        return Err(Error::Conflict(NOT_MISSED));
    }
    access.commit(Json(appointment)).await
}

//! `POST /v1/appointments/{id}/check-in`: records that the patient of an appointment has come.

use api::prelude::*;
use domain::appointment::Appointment;
use domain::select_appointment;

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/appointments/{id}/check-in")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Records that the patient of an appointment has come")
    .needs("appointments:attendance")
    .recorded_as(Action::Update, ResourceType::Appointment)
    .conflicts(&[&[NOT_DUE, TIME_TAKEN], &[CHANGED_SINCE_IMPORT]])
    .idempotent(READ);

const NOT_DUE: &str = "Only a SCHEDULED or NO_SHOW appointment can be checked in, and at most 12 hours before it \
                       starts.";
const TIME_TAKEN: &str = "The time of the NO_SHOW appointment was booked again. Book a new one.";

// A patient who was marked as missing can still come late. Twelve hours before the start stand for the same day, so
// the rule needs no time zone.
const CHECK_IN: &str = "
    update appointments set status = 'CHECKED_IN'
    where id = $1 and not is_archived and records_attendance(patient_id, provider_id, source_system)
      and status in ('SCHEDULED', 'NO_SHOW') and scheduled_at <= now() + interval '12 hours'";
const READ: &str = select_appointment!(
    "where id = $1 and not is_archived and records_attendance(patient_id, provider_id, source_system)"
);

/// Checks the patient in. Errors: the appointment is completed, cancelled or checked in already, it begins in
/// more than 12 hours, or the time of a missed one was booked again.
pub async fn handle(call: Call, Path(id): Path<AppointmentId>) -> Reply<Json<Appointment>> {
    let mut access = call.authorize(id);
    let Written {
        row: appointment,
        is_changed,
    }: Written<Appointment> = access
        .write_then_read(sql(CHECK_IN, &[&id]), sql(READ, &[&id]))
        .await
        .on_constraint(
            "appointments_provider_no_overlap",
            Error::Conflict(TIME_TAKEN),
        )
        .on_constraint(
            "appointments_patient_no_overlap",
            Error::Conflict(TIME_TAKEN),
        )?;
    if !is_changed {
        return Err(Error::Conflict(NOT_DUE));
    }
    access.commit(Json(appointment)).await
}

//! `DELETE /v1/appointments/{id}`: archives an appointment that is completed, cancelled or missed.

use api::prelude::*;
use domain::appointment::Appointment;
use domain::select_appointment;

pub const ENDPOINT: Endpoint = Endpoint::delete("/v1/appointments/{id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Archives an appointment that is completed, cancelled or missed")
    .needs("appointments:archive")
    .recorded_as(Action::Delete, ResourceType::Appointment)
    .conflicts(&[&[STILL_SCHEDULED], &[CHANGED_SINCE_IMPORT]]);

const STILL_SCHEDULED: &str =
    "A SCHEDULED or CHECKED_IN appointment cannot be archived. Complete or cancel it first.";

const CURRENT: &str = "
    select version from appointments
    where id = $1 and not is_archived and archives_visit(source_system)
    for update";
const ARCHIVE: &str = "
    update appointments set is_archived = true, archived_at = now(), archived_by = actor_user()
    where id = $1";
const READ: &str = select_appointment!("where id = $1");

/// Archives the appointment. Errors: it is still scheduled or checked in.
pub async fn handle(
    call: Call,
    Path(id): Path<AppointmentId>,
    if_match: IfMatch,
) -> Reply<Json<Appointment>> {
    let mut access = call.authorize(id);
    access.check(if_match, sql(CURRENT, &[&id])).await?;
    let appointment: Appointment = access
        .write_then_read(sql(ARCHIVE, &[&id]), sql(READ, &[&id]))
        .await
        .on_constraint(
            "appointments_archived_settled",
            Error::Conflict(STILL_SCHEDULED),
        )?
        .row;
    access.commit(Json(appointment)).await
}

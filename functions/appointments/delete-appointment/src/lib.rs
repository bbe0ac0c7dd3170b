//! `DELETE /v1/appointments/{id}`: archives a visit that took place or was called off.

use shared::domain::appointment::Appointment;
use shared::prelude::*;
use shared::select_appointment;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint {
    name: "delete-appointment",
    permission: "appointments:archive",
    action: Action::Delete,
    resource: ResourceType::Appointment,
};

const CURRENT: &str = "
    select version from appointments
    where id = $1 and not is_archived and reach('appointments:archive') = 'ALL'
    for update";
const ARCHIVE: &str = "
    update appointments set is_archived = true, archived_at = now(), archived_by = actor_user()
    where id = $1";
const READ: &str = select_appointment!("where id = $1");

/// Archives the visit.
pub async fn handle(call: Call) -> Reply<Json<Appointment>> {
    let id: AppointmentId = call.path("id")?;
    let if_match = call.if_match()?;
    let mut access = call.authorize(id);
    access.check(if_match, sql(CURRENT, &[&id])).await?;
    let appointment: Appointment = access
        .write_then_read(sql(ARCHIVE, &[&id]), sql(READ, &[&id]))
        .await
        .on_constraint(
            "appointments_archived_settled",
            Error::Conflict("a scheduled visit is called off first"),
        )?;
    access.commit(Json(appointment)).await
}

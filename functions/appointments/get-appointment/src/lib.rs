//! `GET /v1/appointments/{id}`: one visit.

use shared::domain::appointment::Appointment;
use shared::prelude::*;
use shared::select_appointment;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint {
    name: "get-appointment",
    permission: "appointments:read",
    action: Action::Read,
    resource: ResourceType::Appointment,
};

const GET: &str = select_appointment!(
    "where id = $1 and not is_archived
       and (provider_id = actor_provider() or reaches('appointments:read', patient_id))"
);

/// Answers the visit.
pub async fn handle(call: Call) -> Reply<Json<Appointment>> {
    let id: AppointmentId = call.path("id")?;
    let mut access = call.authorize(id);
    let appointment: Appointment = access.one(sql(GET, &[&id])).await?;
    access.commit(Json(appointment)).await
}

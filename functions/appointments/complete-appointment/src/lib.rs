//! `POST /v1/appointments/{id}/complete`: its provider says that the visit took place.

use serde::Deserialize;
use shared::domain::appointment::Appointment;
use shared::domain::text::Text;
use shared::prelude::*;
use shared::select_appointment;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint {
    name: "complete-appointment",
    permission: "appointments:complete",
    action: Action::Update,
    resource: ResourceType::Appointment,
};

/// The body.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Completion {
    /// Notes for both, instead of those from the booking.
    pub notes: Option<Text<10000>>,
}

const COMPLETE: &str = "
    update appointments set status = 'COMPLETED', notes = coalesce($2, notes)
    where id = $1 and provider_id = actor_provider() and not is_archived
      and status = 'SCHEDULED' and scheduled_at <= now()
    returning id";
const READ: &str =
    select_appointment!("where id = $1 and provider_id = actor_provider() and not is_archived");

/// Completes the visit.
pub async fn handle(call: Call) -> Reply<Json<Appointment>> {
    let id: AppointmentId = call.path("id")?;
    let completion: Completion = call.body()?;
    let mut access = call.authorize(id);
    let (completed, appointment): (_, Appointment) = access
        .change(sql(COMPLETE, &[&id, &completion.notes]), sql(READ, &[&id]))
        .await?;
    if !completed {
        return Err(Error::Conflict(
            "only a scheduled visit that has begun can be completed",
        ));
    }
    access.commit(Json(appointment)).await
}

//! `POST /v1/appointments/{id}/cancel`: calls a visit off, with the reason.

use serde::Deserialize;
use shared::domain::appointment::Appointment;
use shared::domain::text::Text;
use shared::prelude::*;
use shared::select_appointment;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint {
    name: "cancel-appointment",
    permission: "appointments:write",
    action: Action::Update,
    resource: ResourceType::Appointment,
};

/// The body.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cancellation {
    /// Why; both read it.
    pub reason: Text<500>,
}

// A patient calls off what is to come; a provider also what a patient missed.
const CANCEL: &str = "
    update appointments set status = 'CANCELLED', change_reason = $2
    where id = $1 and not is_archived and changes_visit(patient_id, provider_id)
      and status = 'SCHEDULED' and (scheduled_at > now() or reach('appointments:write') <> 'OWN')
    returning id";
const READ: &str = select_appointment!(
    "where id = $1 and not is_archived and changes_visit(patient_id, provider_id)"
);

/// Calls the visit off.
pub async fn handle(call: Call) -> Reply<Json<Appointment>> {
    let id: AppointmentId = call.path("id")?;
    let cancellation: Cancellation = call.body()?;
    let mut access = call.authorize(id);
    let (cancelled, appointment): (_, Appointment) = access
        .change(sql(CANCEL, &[&id, &cancellation.reason]), sql(READ, &[&id]))
        .await?;
    if !cancelled {
        return Err(Error::Conflict(
            "only a scheduled visit can be called off, by its patient before it begins",
        ));
    }
    access.commit(Json(appointment)).await
}

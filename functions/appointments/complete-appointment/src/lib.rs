//! `POST /v1/appointments/{id}/complete`: its provider says that the visit took place.

use api::prelude::*;
use domain::appointment::Appointment;
use domain::select_appointment;
use domain::text::Text;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint::post("/v1/appointments/{id}/complete")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Its provider says that the visit took place")
    .needs("appointments:complete")
    .recorded_as(Action::Update, ResourceType::Appointment)
    .conflicts(&[&[NOT_BEGUN]])
    .idempotent();

const NOT_BEGUN: &str = "Only a SCHEDULED appointment whose start has passed can be completed.";

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
      and status = 'SCHEDULED' and scheduled_at <= now()";
const READ: &str =
    select_appointment!("where id = $1 and provider_id = actor_provider() and not is_archived");

/// Completes the visit.
pub async fn handle(
    call: Call,
    Path(id): Path<AppointmentId>,
    Body(completion): Body<Completion>,
) -> Reply<Json<Appointment>> {
    let mut access = call.authorize(id);
    let Written {
        row: appointment,
        is_changed,
    }: Written<Appointment> = access
        .write_then_read(sql(COMPLETE, &[&id, &completion.notes]), sql(READ, &[&id]))
        .await?;
    if !is_changed {
        return Err(Error::Conflict(NOT_BEGUN));
    }
    access.commit(Json(appointment)).await
}

//! `POST /v1/appointments/{id}/cancel`: cancels an appointment and records the reason.

use api::prelude::*;
use domain::appointment::Appointment;
use domain::select_appointment;
use domain::text::Text;

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/appointments/{id}/cancel")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Cancels an appointment and records the reason")
    .needs("appointments:write")
    .recorded_as(Action::Update, ResourceType::Appointment)
    .conflicts(&[&[NOT_CANCELLABLE], &[CHANGED_SINCE_IMPORT]])
    .idempotent(READ);

const NOT_CANCELLABLE: &str = "Only a SCHEDULED or CHECKED_IN appointment can be cancelled. A patient can cancel only a SCHEDULED one \
     that has not started.";

/// The reason for which an appointment is cancelled.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cancellation {
    /// The reason for the cancellation. The patient and the provider can read it.
    pub reason: Text<500>,
}

// A patient can cancel only before the appointment starts. Other callers can also cancel one whose patient left before
// they were seen.
const CANCEL: &str = "
    update appointments set status = 'CANCELLED', change_reason = $1
    where id = $2 and not is_archived and changes_visit(patient_id, provider_id, source_system)
      and (
        (status = 'SCHEDULED' and scheduled_at > now())
        or (status in ('SCHEDULED', 'CHECKED_IN') and reach('appointments:write') <> 'OWN')
      )";
const READ: &str = select_appointment!(
    "where id = $1 and not is_archived and changes_visit(patient_id, provider_id, source_system)"
);

/// Cancels the appointment. Errors: it is neither scheduled nor checked in, or the caller is the patient and
/// it has started.
pub async fn handle(
    call: Call,
    Path(id): Path<AppointmentId>,
    Body(cancellation): Body<Cancellation>,
) -> Reply<Json<Appointment>> {
    let mut access = call.authorize(id);
    let Written {
        row: appointment,
        is_changed,
    }: Written<Appointment> = access
        .write_then_read(sql(CANCEL, &[&cancellation.reason, &id]), sql(READ, &[&id]))
        .await?;
    if !is_changed {
        return Err(Error::Conflict(NOT_CANCELLABLE));
    }
    access.commit(Json(appointment)).await
}

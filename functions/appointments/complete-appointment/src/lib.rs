//! `POST /v1/appointments/{id}/complete`: confirms that an appointment took place.

use api::prelude::*;
use domain::appointment::Appointment;
use domain::select_appointment;
use domain::text::Text;

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/appointments/{id}/complete")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Confirms that an appointment took place")
    .needs("appointments:complete")
    .recorded_as(Action::Update, ResourceType::Appointment)
    .conflicts(&[&[NOT_BEGUN], &[CHANGED_SINCE_IMPORT]])
    .idempotent(READ);

const NOT_BEGUN: &str =
    "Only a SCHEDULED or CHECKED_IN appointment that has started can be completed.";

/// The notes with which an appointment is completed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Completion {
    /// Free-text notes that both the patient and the provider can read. They replace the notes of the
    /// booking. If they are null or left out, the notes stay as they are.
    pub notes: Option<Text<10000>>,
}

const COMPLETE: &str = "
    update appointments set status = 'COMPLETED', notes = coalesce($1, notes)
    where id = $2 and completes_visit(provider_id, source_system) and not is_archived
      and status in ('SCHEDULED', 'CHECKED_IN') and scheduled_at <= now()";
const READ: &str = select_appointment!(
    "where id = $1 and completes_visit(provider_id, source_system) and not is_archived"
);

/// Completes the appointment. Only its provider and the importer of its source system can do so.
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
        .write_then_read(sql(COMPLETE, &[&completion.notes, &id]), sql(READ, &[&id]))
        .await?;
    if !is_changed {
        return Err(Error::Conflict(NOT_BEGUN));
    }
    access.commit(Json(appointment)).await
}

//! `POST /v1/appointments/{id}/rate`: rates a completed appointment, once.

use api::prelude::*;
use domain::appointment::Appointment;
use domain::number::Whole;
use domain::select_appointment;

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/appointments/{id}/rate")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Rates a completed appointment, once")
    .needs("appointments:rate")
    .recorded_as(Action::Update, ResourceType::Appointment)
    .conflicts(&[&[NOT_RATABLE]])
    .idempotent(READ);

const NOT_RATABLE: &str = "Only a COMPLETED appointment can be rated, and only once.";

/// The rating of an appointment by its patient or their representative.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rating {
    /// The rating, from 1 (worst) to 5 (best).
    pub rating: Whole<1, 5>,
}

const RATE: &str = "
    update appointments set rating = $1, rated_at = now()
    where id = $2 and reaches('appointments:rate', patient_id) and not is_archived
      and status = 'COMPLETED' and rating is null";
const READ: &str = select_appointment!(
    "where id = $1 and reaches('appointments:rate', patient_id) and not is_archived"
);

/// Rates the appointment. Only its patient and their representatives can do so.
pub async fn handle(
    call: Call,
    Path(id): Path<AppointmentId>,
    Body(Rating { rating }): Body<Rating>,
) -> Reply<Json<Appointment>> {
    let mut access = call.authorize(id);
    let Written {
        row: appointment,
        is_changed,
    }: Written<Appointment> = access
        .write_then_read(sql(RATE, &[&rating, &id]), sql(READ, &[&id]))
        .await?;
    if !is_changed {
        return Err(Error::Conflict(NOT_RATABLE));
    }
    access.commit(Json(appointment)).await
}

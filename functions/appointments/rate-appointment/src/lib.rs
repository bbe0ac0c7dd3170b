//! `POST /v1/appointments/{id}/rate`: its patient rates a visit that took place, once.

use api::prelude::*;
use domain::appointment::Appointment;
use domain::select_appointment;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint::post("/v1/appointments/{id}/rate")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Its patient rates a visit that took place, once")
    .needs("appointments:rate")
    .recorded_as(Action::Update, ResourceType::Appointment)
    .conflicts(&[&[NOT_RATABLE]])
    .idempotent();

const NOT_RATABLE: &str = "Only a COMPLETED appointment can be rated, and only once.";

/// The body.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rating {
    /// 1 (worst) to 5 (best).
    pub rating: i32,
}

const RATE: &str = "
    update appointments set rating = $2, rated_at = now()
    where id = $1 and patient_id = actor_patient() and not is_archived
      and status = 'COMPLETED' and rating is null";
const READ: &str =
    select_appointment!("where id = $1 and patient_id = actor_patient() and not is_archived");

/// Rates the visit.
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
        .write_then_read(sql(RATE, &[&id, &rating]), sql(READ, &[&id]))
        .await
        .on_constraint(
            "appointments_rating_range",
            Error::invalid("rating", "expected 1 to 5"),
        )?;
    if !is_changed {
        return Err(Error::Conflict(NOT_RATABLE));
    }
    access.commit(Json(appointment)).await
}

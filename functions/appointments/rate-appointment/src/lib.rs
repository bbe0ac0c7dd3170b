//! `POST /v1/appointments/{id}/rate`: its patient rates a visit that took place, once.

use serde::Deserialize;
use shared::domain::appointment::Appointment;
use shared::prelude::*;
use shared::select_appointment;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint {
    name: "rate-appointment",
    permission: "appointments:rate",
    action: Action::Update,
    resource: ResourceType::Appointment,
};

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
      and status = 'COMPLETED' and rating is null
    returning id";
const READ: &str =
    select_appointment!("where id = $1 and patient_id = actor_patient() and not is_archived");

/// Rates the visit.
pub async fn handle(call: Call) -> Reply<Json<Appointment>> {
    let id: AppointmentId = call.path("id")?;
    let Rating { rating } = call.body()?;
    let mut access = call.authorize(id);
    let (rated, appointment): (_, Appointment) = access
        .change(sql(RATE, &[&id, &rating]), sql(READ, &[&id]))
        .await
        .on_constraint(
            "appointments_rating_range",
            Error::invalid("rating", "expected 1 to 5"),
        )?;
    if !rated {
        return Err(Error::Conflict(
            "only a visit that took place can be rated, and once",
        ));
    }
    access.commit(Json(appointment)).await
}

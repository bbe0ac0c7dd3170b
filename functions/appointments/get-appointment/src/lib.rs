//! `GET /v1/appointments/{id}`: one visit.

use api::prelude::*;
use domain::appointment::Appointment;
use domain::select_appointment;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint::get("/v1/appointments/{id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("One visit")
    .needs("appointments:read")
    .recorded_as(Action::Read, ResourceType::Appointment);

/// The query.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Whether it is shown though archived; only who archives visits sees it.
    pub include_archived: Option<bool>,
}

const GET: &str = select_appointment!(
    "where id = $1 and (not is_archived or ($2 and reach('appointments:archive') = 'ALL'))
       and (provider_id = actor_provider() or reaches('appointments:read', patient_id))"
);

/// Answers the visit.
pub async fn handle(
    call: Call,
    Path(id): Path<AppointmentId>,
    Query(filter): Query<Filter>,
) -> Reply<Json<Appointment>> {
    let archived = filter.include_archived.unwrap_or(false);
    let mut access = call.authorize(id);
    let appointment: Appointment = access.one(sql(GET, &[&id, &archived])).await?;
    access.commit(Json(appointment)).await
}

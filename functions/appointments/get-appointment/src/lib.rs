//! `GET /v1/appointments/{id}`: reads an appointment.

use api::prelude::*;
use domain::appointment::Appointment;
use domain::expand;
use domain::expand::{Expand, Expanded};
use domain::select_appointment;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/appointments/{id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Reads an appointment")
    .needs("appointments:read")
    .recorded_as(Action::Read, ResourceType::Appointment);

/// Options for reading an appointment.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Whether an archived appointment is returned too. By default it is not. It has an effect only for
    /// callers who can archive appointments.
    pub include_archived: Option<bool>,
    /// The persons whom the answer names: `patient`, `provider`, or both, separated by a comma. Those whom the caller
    /// can't read are left out. By default the answer has only ids. An answer with names has no `ETag`.
    #[serde(default)]
    pub expand: Expand,
}

const GET: &str = expand!(
    select: select_appointment!(
    "where id = $1 and (not is_archived or ($2 and archives_visit(source_system)))
       and (provider_id = actor_provider() or reaches('appointments:read', patient_id, source_system))"
    ),
    persons: "$3",
    provider: "v.id = item.provider_id",
    order: "",
);

/// Answers the appointment.
pub async fn handle(
    call: Call,
    Path(id): Path<AppointmentId>,
    Query(filter): Query<Filter>,
) -> Reply<Json<Expanded<Appointment>>> {
    let archived = filter.include_archived.unwrap_or(false);
    let persons = filter.expand.0;
    call.authorize(id)
        .read(sql(GET, &[&id, &archived, &persons]))
        .await
}

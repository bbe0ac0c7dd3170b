//! `GET /v1/appointments/{id}/changes`: lists the changes of an appointment, newest first.

use api::prelude::*;
use domain::appointment::AppointmentChange;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/appointments/{id}/changes")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Lists the changes of an appointment, newest first")
    .needs("appointments:read")
    .recorded_as(Action::Read, ResourceType::Appointment);

/// Options for listing the changes of an appointment.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Whether the changes of an archived appointment are returned too. By default they are not. It has
    /// an effect only for callers who can archive appointments.
    pub include_archived: Option<bool>,
}

const LIST: &str = "
    select c.id, c.appointment_id, a.patient_id, c.changed_at, c.changed_by,
      c.old_scheduled_at, c.new_scheduled_at, c.old_duration_minutes, c.new_duration_minutes,
      c.old_status::text, c.new_status::text, c.is_archived, c.reason
    from appointments a
    join appointment_changes c on c.appointment_id = a.id
    where a.id = $1 and (not a.is_archived or ($2 and archives_visit(a.source_system)))
      and (a.provider_id = actor_provider() or reaches('appointments:read', a.patient_id, a.source_system))
      and ($3::bigint is null or c.id < $3)
    order by c.id desc
    limit $4";

/// Answers a page of the changes.
pub async fn handle(
    call: Call,
    Path(id): Path<AppointmentId>,
    Query(filter): Query<Filter>,
    page: PageRequest<i64>,
) -> Reply<Json<Page<AppointmentChange>>> {
    let archived = filter.include_archived.unwrap_or(false);
    let mut access = call.authorize(id);
    let changes: Vec<AppointmentChange> = access
        .all(sql(
            LIST,
            &[&id, &archived, &page.after().copied(), &page.fetch()],
        ))
        .await?;
    // A caller who may read the appointment finds at least its booking.
    if changes.is_empty() {
        return Err(Error::NotFound);
    }
    access
        .commit(Json(page.page(changes, |change| change.id)))
        .await
}

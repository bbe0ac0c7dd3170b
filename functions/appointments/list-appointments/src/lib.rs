//! `GET /v1/appointments`: the visits within the caller's reach, in the order they begin.

use api::prelude::*;
use domain::appointment::{Appointment, AppointmentStatus};
use domain::select_appointment;
use domain::text::Text;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint::get("/v1/appointments")
    .named(env!("CARGO_PKG_NAME"))
    .summary("The visits within the caller's reach, in the order they begin")
    .needs("appointments:read")
    .recorded_as(Action::Search, ResourceType::Appointment);

/// The query.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Whose visits.
    pub patient_id: Option<PatientId>,
    /// With whom.
    pub provider_id: Option<ProviderId>,
    /// How far they are.
    pub status: Option<AppointmentStatus>,
    /// The identifier in the system they came from.
    pub external_id: Option<Text<255>>,
    /// Beginning at this time or later.
    pub scheduled_from: Option<Timestamp>,
    /// Beginning before this time.
    pub scheduled_to: Option<Timestamp>,
    /// Whether archived ones are shown, too; only who archives visits sees them.
    pub include_archived: Option<bool>,
}

// What every branch asks, behind its own conditions. Two labels are said once more as they stand: a
// parameter matches no partial index (`migrations/V0008__appointments.sql`).
macro_rules! filters {
    () => {
        "and (not is_archived or ($10 and reach('appointments:archive') = 'ALL'))
            and ($1::uuid is null or patient_id = $1)
            and ($2::uuid is null or provider_id = $2)
            and ($3::text is null or status = $3::text::appointment_status)
            and ($3::text is distinct from 'SCHEDULED' or status = 'SCHEDULED')
            and ($3::text is distinct from 'CANCELLED' or status = 'CANCELLED')
            and ($4::text is null or external_id = $4)
            and ($5::timestamptz is null or scheduled_at >= $5)
            and ($6::timestamptz is null or scheduled_at < $6)
            and ($7::timestamptz is null or (scheduled_at, id) > ($7, $8))
          order by scheduled_at, id limit $9"
    };
}

// One branch for each way to reach a visit; each walks an index in the list's order: of all, of one's
// own, of those with oneself, of each patient in care with others.
const LIST: &str = select_appointment!(
    "where id = any (array(
       select id from (
         (select id, scheduled_at from appointments
          where reach('appointments:read') = 'ALL' ",
    filters!(),
    ")
         union all
         (select id, scheduled_at from appointments
          where reach('appointments:read') = 'OWN' and patient_id = actor_patient() ",
    filters!(),
    ")
         union all
         (select id, scheduled_at from appointments
          where reach('appointments:read') = 'CARE' and provider_id = actor_provider() ",
    filters!(),
    ")
         union all
         (select visit.id, visit.scheduled_at
          from (select patients_in_care() as patient) as care, lateral (
            select id, scheduled_at from appointments
            where patient_id = care.patient and provider_id <> actor_provider() ",
    filters!(),
    ") as visit
          where reach('appointments:read') = 'CARE' and ($1 is null or care.patient = $1)
            and ($2 is null or $2 <> actor_provider())
          order by scheduled_at, id limit $9)
       ) as found
       order by scheduled_at, id limit $9
     ))
     order by scheduled_at, id"
);

/// Answers the page.
pub async fn handle(
    call: Call,
    Query(filter): Query<Filter>,
    page: PageRequest<(Timestamp, AppointmentId)>,
) -> Reply<Json<Page<Appointment>>> {
    let (after_time, after_id) = page.after().copied().unzip();
    let mut access = call.authorize(Search {
        patient: filter.patient_id,
    });
    let appointments: Vec<Appointment> = access
        .all(sql(
            LIST,
            &[
                &filter.patient_id,
                &filter.provider_id,
                &filter.status,
                &filter.external_id,
                &filter.scheduled_from,
                &filter.scheduled_to,
                &after_time,
                &after_id,
                &page.fetch(),
                &filter.include_archived.unwrap_or(false),
            ],
        ))
        .await?;
    access
        .commit(Json(
            page.page(appointments, |visit| (visit.scheduled_at, visit.id)),
        ))
        .await
}

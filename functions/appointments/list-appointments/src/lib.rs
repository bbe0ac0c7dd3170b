//! `GET /v1/appointments`: lists the appointments that the caller may read, earliest first.

use api::prelude::*;
use domain::appointment::{Appointment, AppointmentStatus};
use domain::expand;
use domain::expand::{Expand, Expanded};
use domain::select_appointment;
use domain::text::Identifier;
use sql::union_all;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/appointments")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Lists the appointments that the caller may read, earliest first")
    .needs("appointments:read")
    .recorded_as(Action::Search, ResourceType::Appointment);

/// The filter for a list of appointments.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Only appointments of this patient.
    pub patient_id: Option<PatientId>,
    /// Only appointments with this provider.
    pub provider_id: Option<ProviderId>,
    /// Only appointments with this status.
    pub status: Option<AppointmentStatus>,
    /// Only appointments that were imported from this system.
    pub source_system: Option<Identifier<255>>,
    /// Only the appointment with this identifier in the system it was imported from.
    pub external_id: Option<Identifier<255>>,
    /// Only appointments that begin at this time or later (RFC 3339), for example
    /// `2026-03-02T00:00:00Z`.
    pub scheduled_from: Option<Timestamp>,
    /// Only appointments that begin before this time (RFC 3339), for example `2026-03-09T00:00:00Z`.
    pub scheduled_to: Option<Timestamp>,
    /// Whether archived appointments are listed too. By default they are not. It has an effect only for
    /// callers who can archive appointments.
    pub include_archived: Option<bool>,
    /// The persons whom the answer names: `patient`, `provider`, or both, separated by a comma. Those whom the caller
    /// can't read are left out. By default the answer has only ids.
    #[serde(default)]
    pub expand: Expand,
}

// The first branches walk an index in the list's order: all appointments, those of the caller's source system, the
// caller's own as patient, and those of each patient whom they represent. The last one asks a function for the page, because no index has the appointments
// with the caller as provider and those of patients in the caller's care in that order.
// Some statuses are repeated as literals because a parameter can't match a partial index.
const LIST: &str = expand!(
    select: select_appointment!(
    "where id = any (array(select id from (",
    union_all!(
        select: "select id, scheduled_at from appointments",
        branches: [
            "reach('appointments:read') = 'ALL'",
            "reach('appointments:read') = 'SOURCE' and source_system = actor_source()",
            "reach('appointments:read') = 'OWN' and patient_id = actor_patient()",
            (
                "patient_id = represented.patient",
                for each "(select patient from represented_patients() as patient
                   where reach('appointments:read') = 'OWN' and ($1::uuid is null or patient = $1)) as represented"
            ),
            "reach('appointments:read') = 'CARE' and id = any (array(select visits_in_care(
               $1, $2, $3, $4, $5, $6, $7, $8 and reach('appointments:archive') = 'ALL', $9, $10, $11)))",
        ],
        filters: "($1::uuid is null or patient_id = $1)
            and ($2::uuid is null or provider_id = $2)
            and ($3::text is null or status = $3::text::appointment_status)
            and ($3::text is distinct from 'SCHEDULED' or status = 'SCHEDULED')
            and ($3::text is distinct from 'CANCELLED' or status = 'CANCELLED')
            and ($3::text is distinct from 'CHECKED_IN' or status = 'CHECKED_IN')
            and ($3::text is distinct from 'NO_SHOW' or status = 'NO_SHOW')
            and ($4::text is null or source_system = $4)
            and ($5::text is null or external_id = $5)
            and ($6::timestamptz is null or scheduled_at >= $6)
            and ($7::timestamptz is null or scheduled_at < $7)
            and (not is_archived or ($8 and archives_visit(source_system)))
            and ($9::timestamptz is null or (scheduled_at, id) > ($9, $10))",
        order: "order by scheduled_at, id limit $11",
    ),
    ") as found))"
    ),
    persons: "$12",
    provider: "v.id = item.provider_id",
    order: "order by item.scheduled_at, item.id",
);

/// Answers a page of the appointments.
pub async fn handle(
    call: Call,
    Query(filter): Query<Filter>,
    page: PageRequest<(Timestamp, AppointmentId)>,
) -> Reply<Json<Page<Expanded<Appointment>>>> {
    let (after_time, after_id) = page.after().copied().unzip();
    let mut access = call.authorize(Search {
        patient: filter.patient_id,
    });
    let appointments: Vec<Expanded<Appointment>> = access
        .all(sql(
            LIST,
            &[
                &filter.patient_id,
                &filter.provider_id,
                &filter.status,
                &filter.source_system,
                &filter.external_id,
                &filter.scheduled_from,
                &filter.scheduled_to,
                &filter.include_archived.unwrap_or(false),
                &after_time,
                &after_id,
                &page.fetch(),
                &filter.expand.0,
            ],
        ))
        .await?;
    access
        .commit(Json(page.page(appointments, |appointment| {
            (appointment.row.scheduled_at, appointment.row.id)
        })))
        .await
}

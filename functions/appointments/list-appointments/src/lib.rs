//! `GET /v1/appointments`: the visits within the caller's reach, in the order they begin.

use jiff::Timestamp;
use serde::Deserialize;
use shared::domain::appointment::{Appointment, AppointmentStatus};
use shared::domain::text::Text;
use shared::prelude::*;
use shared::select_appointment;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint {
    name: "list-appointments",
    permission: "appointments:read",
    action: Action::Search,
    resource: ResourceType::Appointment,
};

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
    /// Items a page, 1 to 100.
    pub limit: Option<u32>,
    /// Where the page begins.
    pub cursor: Option<String>,
}

const LIST: &str = select_appointment!(
    "where (not is_archived or ($10 and reach('appointments:archive') = 'ALL'))
       and case reach('appointments:read')
         when 'ALL' then true
         when 'CARE' then
           provider_id = actor_provider() or patient_id = any (array(select patients_in_care()))
         else patient_id = actor_patient()
       end
       and ($1::uuid is null or patient_id = $1)
       and ($2::uuid is null or provider_id = $2)
       and ($3::text is null or status = $3::text::appointment_status)
       and ($4::text is null or external_id = $4)
       and ($5::timestamptz is null or scheduled_at >= $5)
       and ($6::timestamptz is null or scheduled_at < $6)
       and ($7::timestamptz is null or (scheduled_at, id) > ($7, $8))
     order by scheduled_at, id
     limit $9"
);

/// Answers the page.
pub async fn handle(call: Call) -> Reply<Json<Page<Appointment>>> {
    let filter: Filter = call.query()?;
    let page = call.page::<(Timestamp, AppointmentId)>(filter.limit, filter.cursor.as_deref())?;
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

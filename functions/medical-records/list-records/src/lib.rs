//! `GET /v1/medical-records`: the entries within the caller's reach, newest first.

use jiff::Timestamp;
use serde::Deserialize;
use shared::domain::record::{MedicalRecord, RecordType};
use shared::domain::text::Text;
use shared::prelude::*;
use shared::select_record;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint {
    name: "list-records",
    permission: "records:read",
    action: Action::Search,
    resource: ResourceType::MedicalRecord,
};

/// The query.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Whose chart.
    pub patient_id: Option<PatientId>,
    /// Of which visit.
    pub appointment_id: Option<AppointmentId>,
    /// Of which kind.
    pub record_type: Option<RecordType>,
    /// The identifier in the system they came from.
    pub external_id: Option<Text<255>>,
    /// Items a page, 1 to 100.
    pub limit: Option<u32>,
    /// Where the page begins.
    pub cursor: Option<String>,
}

const LIST: &str = select_record!(
    "where not is_archived
       and case reach('records:read')
         when 'ALL' then true
         when 'CARE' then patient_id = any (array(select patients_in_care()))
         else patient_id = actor_patient() and is_patient_visible and release_date <= now()
       end
       and ($1::uuid is null or patient_id = $1)
       and ($2::uuid is null or appointment_id = $2)
       and ($3::text is null or record_type = $3::text::record_type)
       and ($4::text is null or external_id = $4)
       and ($5::timestamptz is null or (created_at, id) < ($5, $6))
     order by created_at desc, id desc
     limit $7"
);

/// Answers the page.
pub async fn handle(call: Call) -> Reply<Json<Page<MedicalRecord>>> {
    let filter: Filter = call.query()?;
    let page = call.page::<(Timestamp, RecordId)>(filter.limit, filter.cursor.as_deref())?;
    let (after_time, after_id) = page.after().copied().unzip();
    let mut access = call.authorize(Search {
        patient: filter.patient_id,
    });
    let records: Vec<MedicalRecord> = access
        .all(sql(
            LIST,
            &[
                &filter.patient_id,
                &filter.appointment_id,
                &filter.record_type,
                &filter.external_id,
                &after_time,
                &after_id,
                &page.fetch(),
            ],
        ))
        .await?;
    access
        .commit(Json(
            page.page(records, |record| (record.created_at, record.id)),
        ))
        .await
}

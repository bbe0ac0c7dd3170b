//! `GET /v1/medical-records`: the entries within the caller's reach, newest first.

use api::prelude::*;
use domain::record::{MedicalRecord, RecordType};
use domain::select_record;
use domain::text::Text;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint::get("/v1/medical-records")
    .named(env!("CARGO_PKG_NAME"))
    .summary("The entries within the caller's reach, newest first")
    .needs("records:read")
    .recorded_as(Action::Search, ResourceType::MedicalRecord);

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
    /// Those under a hold, in force or passed, or those under none; never the patient's to ask.
    pub held: Option<bool>,
    /// Whether deleted entries are listed too; never to the patient.
    pub include_archived: Option<bool>,
}

// What every branch asks, behind its own conditions.
macro_rules! filters {
    () => {
        "and ($1::uuid is null or patient_id = $1)
            and ($2::uuid is null or appointment_id = $2)
            and ($3::text is null or record_type = $3::text::record_type)
            and ($4::text is null or external_id = $4)
            and ($5::timestamptz is null or (created_at, id) < ($5, $6))
          order by created_at desc, id desc limit $7"
    };
}

// One branch a reach, of which one runs; each walks an index in the list's order: of one's own chart,
// of each chart in care, of all.
const LIST: &str = select_record!(
    "where id = any (array(
       select id from (
         (select id, created_at from medical_records
          where reach('records:read') = 'OWN' and patient_id = actor_patient()
            and not is_archived and (is_patient_visible or release_date <= now()) and $8::bool is null ",
    filters!(),
    ")
         union all
         (select entry.id, entry.created_at
          from (select patients_in_care() as patient) as care, lateral (
            select id, created_at from medical_records
            where patient_id = care.patient and ($9 or not is_archived)
              and ($8 is null or $8 <> is_patient_visible) ",
    filters!(),
    ") as entry
          where reach('records:read') = 'CARE' and ($1 is null or care.patient = $1)
          order by created_at desc, id desc limit $7)
         union all
         (select id, created_at from medical_records
          where reach('records:read') = 'ALL' and ($9 or not is_archived)
            and ($8 is null or $8 <> is_patient_visible) ",
    filters!(),
    ")
       ) as found
       order by created_at desc, id desc limit $7
     ))
     order by created_at desc, id desc"
);

/// Answers the page.
pub async fn handle(
    call: Call,
    Query(filter): Query<Filter>,
    page: PageRequest<(Timestamp, RecordId)>,
) -> Reply<Json<Page<MedicalRecord>>> {
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
                &filter.held,
                &filter.include_archived.unwrap_or(false),
            ],
        ))
        .await?;
    access
        .commit(Json(
            page.page(records, |record| (record.created_at, record.id)),
        ))
        .await
}

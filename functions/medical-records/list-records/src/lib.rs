//! `GET /v1/medical-records`: lists the medical records that the caller may read, newest first.

use api::prelude::*;
use domain::expand;
use domain::expand::{Expand, Expanded};
use domain::record::{MedicalRecord, RecordType};
use domain::select_record;
use domain::text::Identifier;
use sql::union_all;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/medical-records")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Lists the medical records that the caller may read, newest first")
    .needs("records:read")
    .recorded_as(Action::Search, ResourceType::MedicalRecord);

/// The filter for a list of medical records.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Only medical records of this patient.
    pub patient_id: Option<PatientId>,
    /// Only medical records that result from this appointment.
    pub appointment_id: Option<AppointmentId>,
    /// Only medical records of this type.
    pub record_type: Option<RecordType>,
    /// Only medical records that were imported from this system.
    pub source_system: Option<Identifier<255>>,
    /// Only the medical record with this identifier in the system it was imported from.
    pub external_id: Option<Identifier<255>>,
    /// `true` lists only records with a hold, even if the hold has ended. `false` lists only records
    /// without one. If a patient sets it, the list is empty.
    pub held: Option<bool>,
    /// Whether archived records are listed too. By default they are not. It has no effect for a patient.
    pub include_archived: Option<bool>,
    /// The persons whom the answer names: `patient`, `provider`, or both, separated by a comma. Those whom the caller
    /// can't read are left out. By default the answer has only ids.
    #[serde(default)]
    pub expand: Expand,
}

// The first branches walk an index in the list's order: all records, those of the caller's source system, the caller's
// own chart, and the chart of each patient whom they represent. The last one asks a function for the page, because no index has the charts in the
// caller's care in that order.
const LIST: &str = expand!(
    select: select_record!(
    "where id = any (array(select id from (",
    union_all!(
        select: "select id, created_at from medical_records",
        branches: [
            "reach('records:read') = 'ALL'",
            "reach('records:read') = 'SOURCE' and source_system = actor_source()",
            "reach('records:read') = 'OWN' and patient_id = actor_patient() and not is_archived
               and (is_patient_visible or release_date <= now()) and $6::boolean is null",
            (
                "patient_id = represented.patient and not is_archived and not is_shielded
                   and (is_patient_visible or release_date <= now()) and $6::boolean is null",
                for each "(select patient from represented_patients() as patient
                   where reach('records:read') = 'OWN' and ($1::uuid is null or patient = $1)) as represented"
            ),
            "reach('records:read') = 'CARE'
               and id = any (array(select records_in_care($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)))",
        ],
        filters: "($1::uuid is null or patient_id = $1)
            and ($2::uuid is null or appointment_id = $2)
            and ($3::text is null or record_type = $3::text::record_type)
            and ($4::text is null or source_system = $4)
            and ($5::text is null or external_id = $5)
            and ($6::boolean is null or $6 <> is_patient_visible)
            and ($7 or not is_archived)
            and ($8::timestamptz is null or (created_at, id) < ($8, $9))",
        order: "order by created_at desc, id desc limit $10",
    ),
    ") as found))"
    ),
    persons: "$11",
    provider: "v.id = item.provider_id",
    order: "order by item.created_at desc, item.id desc",
);

/// Answers a page of the medical records.
pub async fn handle(
    call: Call,
    Query(filter): Query<Filter>,
    page: PageRequest<(Timestamp, RecordId)>,
) -> Reply<Json<Page<Expanded<MedicalRecord>>>> {
    let (after_time, after_id) = page.after().copied().unzip();
    let mut access = call.authorize(Search {
        patient: filter.patient_id,
    });
    let records: Vec<Expanded<MedicalRecord>> = access
        .all(sql(
            LIST,
            &[
                &filter.patient_id,
                &filter.appointment_id,
                &filter.record_type,
                &filter.source_system,
                &filter.external_id,
                &filter.held,
                &filter.include_archived.unwrap_or(false),
                &after_time,
                &after_id,
                &page.fetch(),
                &filter.expand.0,
            ],
        ))
        .await?;
    access
        .commit(Json(
            page.page(records, |record| (record.row.created_at, record.row.id)),
        ))
        .await
}

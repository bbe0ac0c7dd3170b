//! `GET /v1/medical-records/{id}`: reads a medical record.

use api::prelude::*;
use domain::record::MedicalRecord;
use domain::select_record;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/medical-records/{id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Reads a medical record")
    .needs("records:read")
    .recorded_as(Action::Read, ResourceType::MedicalRecord);

/// Options for reading a medical record.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Whether an archived record is returned too. By default it is not. It has no effect for a patient.
    pub include_archived: Option<bool>,
}

const GET: &str = select_record!(
    "where id = $1 and reaches('records:read', patient_id)
       and case reach('records:read')
         when 'OWN' then not is_archived and (is_patient_visible or release_date <= now())
         else $2 or not is_archived
       end"
);

/// Answers the medical record. A patient gets it only while no hold withholds it.
pub async fn handle(
    call: Call,
    Path(id): Path<RecordId>,
    Query(filter): Query<Filter>,
) -> Reply<Json<MedicalRecord>> {
    let archived = filter.include_archived.unwrap_or(false);
    call.authorize(id).read(sql(GET, &[&id, &archived])).await
}

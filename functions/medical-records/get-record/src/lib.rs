//! `GET /v1/medical-records/{id}`: one entry of a chart, if released to a patient who asks.

use api::prelude::*;
use domain::record::MedicalRecord;
use domain::select_record;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint::get("/v1/medical-records/{id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("One entry of a chart, if released to a patient who asks")
    .needs("records:read")
    .recorded_as(Action::Read, ResourceType::MedicalRecord);

/// The filter.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Whether a deleted entry is answered too; never to the patient.
    pub include_archived: Option<bool>,
}

const GET: &str = select_record!(
    "where id = $1 and reaches('records:read', patient_id)
       and case reach('records:read')
         when 'OWN' then not is_archived and (is_patient_visible or release_date <= now())
         else $2 or not is_archived
       end"
);

/// Answers the entry.
pub async fn handle(
    call: Call,
    Path(id): Path<RecordId>,
    Query(filter): Query<Filter>,
) -> Reply<Json<MedicalRecord>> {
    let archived = filter.include_archived.unwrap_or(false);
    let mut access = call.authorize(id);
    let record: MedicalRecord = access.one(sql(GET, &[&id, &archived])).await?;
    access.commit(Json(record)).await
}

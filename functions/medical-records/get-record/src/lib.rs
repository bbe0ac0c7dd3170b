//! `GET /v1/medical-records/{id}`: one entry of a chart, if released to a patient who asks.

use serde::Deserialize;
use shared::domain::record::MedicalRecord;
use shared::prelude::*;
use shared::select_record;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint {
    name: "get-record",
    permission: "records:read",
    action: Action::Read,
    resource: ResourceType::MedicalRecord,
};

/// The query.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Query {
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
pub async fn handle(call: Call) -> Reply<Json<MedicalRecord>> {
    let id: RecordId = call.path("id")?;
    let query: Query = call.query()?;
    let archived = query.include_archived.unwrap_or(false);
    let mut access = call.authorize(id);
    let record: MedicalRecord = access.one(sql(GET, &[&id, &archived])).await?;
    access.commit(Json(record)).await
}

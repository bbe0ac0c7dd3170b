//! `GET /v1/medical-records/{id}`: one entry of a chart, if released to a patient who asks.

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

const GET: &str = select_record!(
    "where id = $1 and not is_archived and reaches('records:read', patient_id)
       and (reach('records:read') <> 'OWN' or (is_patient_visible and release_date <= now()))"
);

/// Answers the entry.
pub async fn handle(call: Call) -> Reply<Json<MedicalRecord>> {
    let id: RecordId = call.path("id")?;
    let mut access = call.authorize(id);
    let record: MedicalRecord = access.one(sql(GET, &[&id])).await?;
    access.commit(Json(record)).await
}

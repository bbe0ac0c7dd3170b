//! `DELETE /v1/medical-records/{id}`: archives a medical record and keeps its versions.

use api::prelude::*;
use domain::record::MedicalRecord;
use domain::select_record;

pub const ENDPOINT: Endpoint = Endpoint::delete("/v1/medical-records/{id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Archives a medical record and keeps its versions")
    .needs("records:write")
    .recorded_as(Action::Delete, ResourceType::MedicalRecord)
    .conflicts(&[&[CHANGED_SINCE_IMPORT]]);

const CURRENT: &str = "
    select version from medical_records
    where id = $1 and not is_archived and reaches('records:write', patient_id, source_system)
    for update";
const ARCHIVE: &str = "
    update medical_records
    set is_archived = true, archived_at = now(), archived_by = actor_user(), change_reason = 'deleted'
    where id = $1";
const READ: &str = select_record!("where id = $1");

/// Archives the medical record.
pub async fn handle(
    call: Call,
    Path(id): Path<RecordId>,
    if_match: IfMatch,
) -> Reply<Json<MedicalRecord>> {
    let mut access = call.authorize(id);
    access.check(if_match, sql(CURRENT, &[&id])).await?;
    let record: MedicalRecord = access
        .write_then_read(sql(ARCHIVE, &[&id]), sql(READ, &[&id]))
        .await?
        .row;
    access.commit(Json(record)).await
}

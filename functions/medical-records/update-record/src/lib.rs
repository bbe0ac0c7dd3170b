//! `PATCH /v1/medical-records/{id}`: corrects an entry; the former version is kept, with who and why.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::domain::content::RecordContent;
use shared::domain::custom_data::{CustomData, CustomDataTable};
use shared::domain::record::{MedicalRecord, RecordType};
use shared::domain::text::Text;
use shared::prelude::*;
use shared::sql::Jsonb;
use shared::{row, select_record};

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint {
    name: "update-record",
    permission: "records:write",
    action: Action::Update,
    resource: ResourceType::MedicalRecord,
};

/// The fields that a patch may name.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Editable {
    /// What, in the shape of its kind.
    #[schemars(with = "RecordContent")]
    pub content: Value,
    /// In plain words.
    pub diagnosis: Option<Text<10000>>,
    /// In plain words.
    pub treatment: Option<Text<10000>>,
    /// In plain words.
    pub notes: Option<Text<10000>>,
    /// The clinic's own fields, as its registered schema has them.
    pub custom_data: Option<CustomData>,
    /// Why it is changed: each patch names it anew.
    pub change_reason: Option<Text<500>>,
}

row! {
    /// The entry as it stands.
    pub struct Current {
        /// Of which kind.
        pub record_type: RecordType,
        /// What may be changed.
        pub editable: Jsonb<Editable>,
        /// The version that the custom data satisfied.
        pub custom_data_version: Option<i32>,
        /// Counts its changes.
        pub version: i32,
    }
}

const CURRENT: &str = "
    select record_type::text, custom_data_version, version,
      jsonb_build_object('content', content, 'diagnosis', diagnosis, 'treatment', treatment, 'notes', notes,
        'custom_data', custom_data) as editable
    from medical_records
    where id = $1 and not is_archived and reaches('records:write', patient_id)
    for update";
const UPDATE: &str = "
    update medical_records
    set content = $2, diagnosis = $3, treatment = $4, notes = $5, change_reason = $6,
      custom_data = $7, custom_data_version = $8
    where id = $1";
const READ: &str = select_record!("where id = $1");

/// Answers the entry as changed.
pub async fn handle(call: Call) -> Reply<Json<MedicalRecord>> {
    let id: RecordId = call.path("id")?;
    let patch = call.merge_patch()?;
    let if_match = call.if_match()?;
    let mut access = call.authorize(id);
    let current: Current = access.one(sql(CURRENT, &[&id])).await?;
    if_match.check(current.version)?;
    let changed = patch.apply(&current.editable.0)?;
    access.note("fields", patch.fields());
    let reason = changed
        .change_reason
        .ok_or_else(|| Error::invalid("change_reason", "is required"))?;
    let content = RecordContent::parse(current.record_type, changed.content)?;
    let custom = custom_data::accept_change(
        &mut access,
        CustomDataTable::MedicalRecords,
        &patch,
        changed.custom_data,
        current.custom_data_version,
    )
    .await?;
    let record: MedicalRecord = access
        .write_then_read(
            sql(
                UPDATE,
                &[
                    &id,
                    &Jsonb(content),
                    &changed.diagnosis,
                    &changed.treatment,
                    &changed.notes,
                    &reason,
                    &custom.data,
                    &custom.version,
                ],
            ),
            sql(READ, &[&id]),
        )
        .await?;
    access.commit(Json(record)).await
}

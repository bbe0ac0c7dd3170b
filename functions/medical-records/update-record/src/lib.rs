//! `PATCH /v1/medical-records/{id}`: corrects an entry; the former version is kept, with who and why.

use api::prelude::*;
use domain::content::RecordContent;
use domain::custom_data::{CustomData, CustomDataTable};
use domain::record::{MedicalRecord, RecordType};
use domain::select_record;
use domain::text::Text;
use serde_json::Value;
use sql::Jsonb;
use sql::row;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint::patch("/v1/medical-records/{id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Corrects an entry; the former version is kept, with who and why")
    .needs("records:write")
    .recorded_as(Action::Update, ResourceType::MedicalRecord);

row! {
/// The fields that a patch may name.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Editable {
    /// What, in the shape of its kind.
    #[schemars(with = "RecordContent")]
    pub content: Jsonb<Value>,
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
}

row! {
    /// What else the change depends on.
    pub struct Extra {
        /// The kind of entry, which decides the shape of its content.
        pub record_type: RecordType,
        /// The version of the registered schema that the custom data satisfied.
        pub custom_data_version: Option<i32>,
    }
}

const CURRENT: &str = "
    select content, diagnosis, treatment, notes, custom_data, null::text as change_reason,
      record_type::text, custom_data_version, version
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
pub async fn handle(
    call: Call,
    Path(id): Path<RecordId>,
    patch: Patch<Editable>,
    if_match: IfMatch,
) -> Reply<Json<MedicalRecord>> {
    let mut access = call.authorize(id);
    let current: Current<Editable, Extra> = access.load(if_match, sql(CURRENT, &[&id])).await?;
    let changed = access.apply(&patch, &current.editable)?;
    let reason = changed
        .change_reason
        .ok_or_else(|| Error::invalid("change_reason", "is required"))?;
    let content = RecordContent::parse(current.extra.record_type, changed.content.0)?;
    let custom = custom_data::accept_change(
        &mut access,
        CustomDataTable::MedicalRecords,
        &patch,
        changed.custom_data,
        current.extra.custom_data_version,
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
        .await?
        .row;
    access.commit(Json(record)).await
}

//! `PATCH /v1/medical-records/{id}`: corrects a medical record and keeps the former version.

use api::prelude::*;
use domain::content::RecordContent;
use domain::custom_data::{CustomData, CustomDataTable};
use domain::record::{MedicalRecord, RecordType};
use domain::select_record;
use domain::text::Text;
use serde_json::Value;
use sql::Jsonb;
use sql::row;

pub const ENDPOINT: Endpoint = Endpoint::patch("/v1/medical-records/{id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Corrects a medical record and keeps the former version")
    .needs("records:write")
    .recorded_as(Action::Update, ResourceType::MedicalRecord)
    .conflicts(&[&[CHANGED_SINCE_IMPORT]]);

row! {
/// The fields of a medical record that a patch can change.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-required-in-patch" = ["change_reason"]))]
pub struct Editable {
    /// The structured clinical content. The record type determines its structure.
    #[schemars(with = "RecordContent")]
    pub content: Jsonb<Value>,
    /// The diagnosis as free text, in addition to `content`. Null removes it.
    pub diagnosis: Option<Text<10000>>,
    /// The treatment as free text, in addition to `content`. Null removes it.
    pub treatment: Option<Text<10000>>,
    /// Further notes as free text, in addition to `content`. Null removes them.
    pub notes: Option<Text<10000>>,
    /// Additional fields that the clinic defines, valid against the JSON Schema registered for
    /// `medical_records`. Null removes them.
    pub custom_data: Option<CustomData>,
    /// The reason for the correction. It is required in each patch.
    #[schemars(with = "Text<500>")]
    pub change_reason: Option<Text<500>>,
}
}

row! {
    /// The other columns that the change depends on.
    pub struct Extra {
        /// The type of the record, which determines the structure of its content.
        pub record_type: RecordType,
        /// The version of the JSON Schema that the custom data satisfied.
        pub custom_data_version: Option<i32>,
    }
}

const NO_REASON: &str = "is required; expected text of 1 to 500 characters, for example Wrong code";
const CURRENT: &str = "
    select content, diagnosis, treatment, notes, custom_data, null::text as change_reason,
      record_type::text, custom_data_version, version
    from medical_records
    where id = $1 and not is_archived and reaches('records:write', patient_id, source_system)
    for update";
const UPDATE: &str = "
    update medical_records
    set content = $1, diagnosis = $2, treatment = $3, notes = $4, change_reason = $5,
      custom_data = $6, custom_data_version = $7
    where id = $8";
const READ: &str = select_record!("where id = $1");

/// Corrects the medical record. Errors: no reason is given, or the content doesn't fit the type.
pub async fn handle(
    call: Call,
    Path(id): Path<RecordId>,
    patch: Patch<Editable>,
    if_match: IfMatch,
) -> Reply<Json<MedicalRecord>> {
    let mut access = call.authorize(id);
    let current: Current<Editable, Extra> = access.load(if_match, sql(CURRENT, &[&id])).await?;
    let record_type = current.extra.record_type;
    let changed = access.apply_checked(&patch, &current.editable, |changed, _| {
        let reason = changed.change_reason.as_ref().map(drop);
        let reason = reason.ok_or_else(|| Error::invalid("change_reason", NO_REASON));
        let content = RecordContent::parse(record_type, &changed.content.0).map(drop);
        Error::first([reason, content])
    })?;
    let content = RecordContent::parse(record_type, &changed.content.0)?;
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
                    &Jsonb(content),
                    &changed.diagnosis,
                    &changed.treatment,
                    &changed.notes,
                    &changed.change_reason,
                    &custom.data,
                    &custom.version,
                    &id,
                ],
            ),
            sql(READ, &[&id]),
        )
        .await?
        .row;
    access.commit(Json(record)).await
}

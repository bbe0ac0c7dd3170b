//! `PATCH /v1/files/{id}`: changes a file's name, medical record or custom data.

use api::prelude::*;
use domain::custom_data::{CustomData, CustomDataTable};
use domain::file::{FileMetadata, FileStatus};
use domain::select_file;
use domain::text::Line;
use sql::row;

pub const ENDPOINT: Endpoint = Endpoint::patch("/v1/files/{id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Changes a file's name, medical record or custom data")
    .needs("files:write")
    .recorded_as(Action::Update, ResourceType::File)
    .conflicts(&[&[NOT_KEPT, NOT_UPLOADED]]);

const NOT_KEPT: &str = "Only a file that is PENDING, SCANNING or AVAILABLE can be changed.";
const NOT_UPLOADED: &str = "A file can be attached to a record only after its upload.";

row! {
/// The fields of a file that a patch can change.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Editable {
    /// The name of the file, for example `referral.pdf`. It can't contain characters that change the
    /// direction of text.
    pub original_name: Line<255>,
    /// The medical record that the file belongs to. While the record is withheld from the patient, so
    /// is the file. A change requires the permission `records:write` and an uploaded file. Null removes
    /// the file from its record.
    pub record_id: Option<RecordId>,
    /// Additional fields that the clinic defines, valid against the JSON Schema registered for
    /// `file_metadata`. Null removes them.
    pub custom_data: Option<CustomData>,
}
}

row! {
    /// The other columns that the change depends on.
    pub struct Extra {
        /// The version of the JSON Schema that the custom data satisfied.
        pub custom_data_version: Option<i32>,
        /// The status of the file.
        pub status: FileStatus,
    }
}

const CURRENT: &str = "
    select original_name, record_id, custom_data, custom_data_version, status::text, version
    from file_metadata
    where id = $1 and changes_file(patient_id, owner_id, uploaded_by, record_id) and not is_archived
    for update";
// Changes no row if the medical record belongs to another patient, or if the caller may not write it.
const UPDATE: &str = "
    update file_metadata f
    set original_name = $1, record_id = $2, custom_data = $3, custom_data_version = $4
    where id = $5 and ($2 is null or $2 = record_id or exists (
      select from medical_records r
      where r.id = $2 and r.patient_id = f.patient_id
        and not r.is_archived and reaches('records:write', r.patient_id)
    ))";
const READ: &str = select_file!("where id = $1");

/// Changes the file. Errors: it is expired, rejected or quarantined, or the caller may not write the record.
pub async fn handle(
    call: Call,
    Path(id): Path<FileId>,
    patch: Patch<Editable>,
    if_match: IfMatch,
) -> Reply<Json<FileMetadata>> {
    let mut access = call.authorize(id);
    let Current {
        editable: current,
        extra,
        ..
    }: Current<Editable, Extra> = access.load(if_match, sql(CURRENT, &[&id])).await?;
    if !matches!(
        extra.status,
        FileStatus::Pending | FileStatus::Scanning | FileStatus::Available
    ) {
        return Err(Error::Conflict(NOT_KEPT));
    }
    let changed = patch.apply(&current, |_, _| Ok(()))?;
    if changed.record_id != current.record_id && extra.status == FileStatus::Pending {
        return Err(Error::Conflict(NOT_UPLOADED));
    }
    access.add_note("fields", patch.fields());
    let custom = custom_data::accept_change(
        &mut access,
        CustomDataTable::FileMetadata,
        &patch,
        changed.custom_data,
        extra.custom_data_version,
    )
    .await?;
    let Written {
        row: file,
        is_changed,
    }: Written<FileMetadata> = access
        .write_then_read(
            sql(
                UPDATE,
                &[
                    &changed.original_name,
                    &changed.record_id,
                    &custom.data,
                    &custom.version,
                    &id,
                ],
            ),
            sql(READ, &[&id]),
        )
        .await?;
    if !is_changed {
        return Err(Error::NotFound);
    }
    access.commit(Json(file)).await
}

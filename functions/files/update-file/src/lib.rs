//! `PATCH /v1/files/{id}`: corrects a file's name, entry and custom data, never what it holds.

use api::prelude::*;
use domain::custom_data::{CustomData, CustomDataTable};
use domain::file::{self, FileMetadata, FileStatus};
use domain::select_file;
use domain::text::Text;
use sql::row;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint::patch("/v1/files/{id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Corrects a file's name, entry and custom data, never what it holds")
    .needs("files:write")
    .recorded_as(Action::Update, ResourceType::File)
    .conflicts(&[&[NOT_KEPT, NOT_UPLOADED]]);

const NOT_KEPT: &str = "Only a file that is PENDING, SCANNING or AVAILABLE can be changed.";
const NOT_UPLOADED: &str = "A file can be attached to a record only after its upload.";

/// The fields that a patch may name.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Editable {
    /// Its name where it came from.
    #[serde(deserialize_with = "file::name")]
    pub original_name: Text<255>,
    /// The entry of its chart that it is held back with, or none; for who writes entries.
    pub record_id: Option<RecordId>,
    /// The clinic's own fields, as its registered schema has them.
    pub custom_data: Option<CustomData>,
}

row! {
    /// The file as it stands.
    pub struct Current {
        /// Its name.
        pub original_name: Text<255>,
        /// The entry that it belongs to.
        pub record_id: Option<RecordId>,
        /// The clinic's own fields.
        pub custom_data: Option<CustomData>,
        /// The version that they satisfied.
        pub custom_data_version: Option<i32>,
        /// How far it is.
        pub status: FileStatus,
        /// Counts its changes.
        pub version: i32,
    }
}

const CURRENT: &str = "
    select original_name, record_id, custom_data, custom_data_version, status::text, version
    from file_metadata
    where id = $1 and changes_file(patient_id, owner_id, uploaded_by, record_id) and not is_archived
    for update";
// Writes no row where the caller may not attach it to this entry, nor where the entry is not of its chart.
const UPDATE: &str = "
    update file_metadata f
    set original_name = $2, custom_data = $3, custom_data_version = $4, record_id = $5
    where id = $1 and ($5 is null or $5 = record_id or exists (
      select from medical_records r
      where r.id = $5 and r.patient_id = f.patient_id
        and not r.is_archived and reaches('records:write', r.patient_id)
    ))";
const READ: &str = select_file!("where id = $1");

/// Answers the file as changed.
pub async fn handle(
    call: Call,
    Path(id): Path<FileId>,
    patch: Patch<Editable>,
    if_match: IfMatch,
) -> Reply<Json<FileMetadata>> {
    let mut access = call.authorize(id);
    let current: Current = access.one(sql(CURRENT, &[&id])).await?;
    if_match.check(current.version)?;
    if !matches!(
        current.status,
        FileStatus::Pending | FileStatus::Scanning | FileStatus::Available
    ) {
        return Err(Error::Conflict(NOT_KEPT));
    }
    let changed = patch.apply(&Editable {
        original_name: current.original_name,
        record_id: current.record_id,
        custom_data: current.custom_data,
    })?;
    if changed.record_id != current.record_id && current.status == FileStatus::Pending {
        return Err(Error::Conflict(NOT_UPLOADED));
    }
    access.add_note("fields", patch.fields());
    let custom = custom_data::accept_change(
        &mut access,
        CustomDataTable::FileMetadata,
        &patch,
        changed.custom_data,
        current.custom_data_version,
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
                    &id,
                    &changed.original_name,
                    &custom.data,
                    &custom.version,
                    &changed.record_id,
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

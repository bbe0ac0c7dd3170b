//! `DELETE /v1/files/{id}`: archives a file and keeps its content.

use api::prelude::*;
use domain::file::FileMetadata;
use domain::select_file;

pub const ENDPOINT: Endpoint = Endpoint::delete("/v1/files/{id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Archives a file and keeps its content")
    .needs("files:write")
    .recorded_as(Action::Delete, ResourceType::File);

const CURRENT: &str = "
    select version from file_metadata
    where id = $1 and changes_file(patient_id, owner_id, uploaded_by, record_id) and not is_archived
    for update";
const ARCHIVE: &str = "
    update file_metadata set is_archived = true, archived_at = now(), archived_by = actor_user()
    where id = $1";
const READ: &str = select_file!("where id = $1");

/// Archives the file.
pub async fn handle(
    call: Call,
    Path(id): Path<FileId>,
    if_match: IfMatch,
) -> Reply<Json<FileMetadata>> {
    let mut access = call.authorize(id);
    access.check(if_match, sql(CURRENT, &[&id])).await?;
    let file: FileMetadata = access
        .write_then_read(sql(ARCHIVE, &[&id]), sql(READ, &[&id]))
        .await?
        .row;
    access.commit(Json(file)).await
}

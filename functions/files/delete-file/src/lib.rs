//! `DELETE /v1/files/{id}`: archives a file; its object stays through retention.

use shared::domain::file::FileMetadata;
use shared::prelude::*;
use shared::select_file;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint {
    name: "delete-file",
    permission: "files:write",
    action: Action::Delete,
    resource: ResourceType::File,
};

const CURRENT: &str = "
    select version from file_metadata
    where id = $1 and changes_file(patient_id, owner_id, uploaded_by, record_id) and not is_archived
    for update";
const ARCHIVE: &str = "
    update file_metadata set is_archived = true, archived_at = now(), archived_by = actor_user()
    where id = $1";
const READ: &str = select_file!("where id = $1");

/// Answers the file as archived.
pub async fn handle(call: Call) -> Reply<Json<FileMetadata>> {
    let id: FileId = call.path("id")?;
    let if_match = call.if_match()?;
    let mut access = call.authorize(id);
    access.check(if_match, sql(CURRENT, &[&id])).await?;
    let file: FileMetadata = access
        .write_then_read(sql(ARCHIVE, &[&id]), sql(READ, &[&id]))
        .await?;
    access.commit(Json(file)).await
}

//! `GET /v1/files/{id}`: a file's metadata and, once it is checked, where to fetch it.

use files::{Declared, Download, StoredFile, store};
use serde::Serialize;
use shared::domain::file::{FileMetadata, FileStatus};
use shared::prelude::*;
use shared::select_file;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint {
    name: "get-file",
    permission: "files:read",
    action: Action::Read,
    resource: ResourceType::File,
};

/// The answer.
#[derive(Serialize, JsonSchema)]
pub struct OpenedFile {
    /// Its metadata.
    #[serde(flatten)]
    pub file: FileMetadata,
    /// Where to fetch it; none unless it is AVAILABLE.
    pub download: Option<Download>,
}

impl Content for OpenedFile {
    fn patients(&self) -> Vec<PatientId> {
        self.file.patients()
    }

    fn version(&self) -> Option<i32> {
        self.file.version()
    }
}

const GET: &str = select_file!(
    "where id = $1 and (owner_id = actor_user() or reaches('files:read', patient_id)) and not is_archived
       and (record_id is null or not is_withheld(owner_id, record_id))"
);

/// Answers the file.
pub async fn handle(call: Call) -> Reply<Json<OpenedFile>> {
    let id: FileId = call.path("id")?;
    let mut access = call.authorize(id);
    let stored: StoredFile = access.one(sql(GET, &[&id])).await?;
    let download = match stored.file.status {
        FileStatus::Available => Some(open(&mut access, &stored).await?),
        _ => None,
    };
    let file = stored.file;
    access.commit(Json(OpenedFile { file, download })).await
}

async fn open(access: &mut Access<FileId>, stored: &StoredFile) -> Result<Download, Error> {
    let StoredFile { file, location, .. } = stored;
    let file_type = Declared::of(file)?.file_type;
    let version = stored.object_version.clone();
    store()?
        .presign_download(access, location, version, file.id, file_type)
        .await
}

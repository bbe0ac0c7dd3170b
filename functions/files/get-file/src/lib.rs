//! `GET /v1/files/{id}`: reads a file's metadata and a URL to download it.

use api::prelude::*;
use domain::file::{FileMetadata, FileStatus};
use domain::select_file;
use files::{Declared, Download, Store, StoredFile};

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/files/{id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Reads a file's metadata and a URL to download it")
    .needs("files:read")
    .recorded_as(Action::Read, ResourceType::File);

/// The metadata of a file and, if its status is `AVAILABLE`, a URL to download it.
#[derive(Serialize, JsonSchema)]
pub struct FileWithDownload {
    /// The metadata of the file.
    #[serde(flatten)]
    pub file: FileMetadata,
    /// The way to download the file. Null unless `status` is `AVAILABLE`.
    pub download: Option<Download>,
}

impl Content for FileWithDownload {
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

/// Answers the metadata and, if the file is available, a signed URL.
pub async fn handle(
    call: Call,
    Path(id): Path<FileId>,
    Configured(store): Configured<Store>,
) -> Reply<Json<FileWithDownload>> {
    let mut access = call.authorize(id);
    let stored: StoredFile = access.one(sql(GET, &[&id])).await?;
    let download = match stored.file.status {
        FileStatus::Available => Some(open(&mut access, store, &stored).await?),
        _ => None,
    };
    let file = stored.file;
    access
        .commit(Json(FileWithDownload { file, download }))
        .await
}

async fn open(
    access: &mut Access<FileId>,
    store: &Store,
    stored: &StoredFile,
) -> Result<Download, Error> {
    let StoredFile { file, location, .. } = stored;
    let file_type = Declared::of(file)?.file_type;
    let version = stored.object_version.clone();
    store
        .presign_download(access, location, version, file.id, file_type)
        .await
}

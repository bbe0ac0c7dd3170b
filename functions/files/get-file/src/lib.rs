//! `GET /v1/files/{id}`: reads a file's metadata and a URL to download it.

use api::prelude::*;
use domain::expand;
use domain::expand::{Expand, Expanded};
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

/// Options for reading a file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// The persons whom the answer names: `patient`, `provider`, or both, separated by a comma. The provider is the
    /// owner of the file. Those whom the caller can't read are left out. By default the answer has only ids. An answer with names has no `ETag`.
    #[serde(default)]
    pub expand: Expand,
}

const GET: &str = expand!(
    select: select_file!(
    "where id = $1 and (owner_id = actor_user() or reaches('files:read', patient_id)) and not is_archived
       and (record_id is null or not is_withheld(owner_id, record_id))"
    ),
    persons: "$2",
    provider: "v.user_id = item.owner_id",
    order: "",
);

/// Answers the metadata and, if the file is available, a signed URL.
pub async fn handle(
    call: Call,
    Path(id): Path<FileId>,
    Query(options): Query<Options>,
    Configured(store): Configured<Store>,
) -> Reply<Json<Expanded<FileWithDownload>>> {
    let mut access = call.authorize(id);
    let found: Expanded<StoredFile> = access.one(sql(GET, &[&id, &options.expand.0])).await?;
    let download = match found.row.file.status {
        FileStatus::Available => Some(open(&mut access, store, &found.row).await?),
        _ => None,
    };
    let answer = found.map(|stored| FileWithDownload {
        file: stored.file,
        download,
    });
    access.commit(Json(answer)).await
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

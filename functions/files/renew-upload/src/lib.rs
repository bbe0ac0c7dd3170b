//! `POST /v1/files/{id}/upload`: returns new URLs for the upload of an announced file.

use api::prelude::*;
use domain::file::FileStatus;
use domain::select_file;
use files::{Declared, FileUpload, Store, StoredFile, Window};

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/files/{id}/upload")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Returns new URLs for the upload of an announced file")
    .needs("files:write")
    .recorded_as(Action::Update, ResourceType::File)
    .conflicts(&[&[NOT_RENEWABLE]]);

const NOT_RENEWABLE: &str =
    "Upload URLs can be renewed for a PENDING file within 22 hours of its creation.";

/// How long after the announcement the URLs can be renewed. The bucket's lifecycle rule aborts an upload in
/// parts after a day, and the last URLs are valid for an hour.
const RENEWABLE: TimeDelta = TimeDelta::hours(22);

const RENEW: &str = "update file_metadata set expires_at = $1 where id = $2";
const READ: &str = select_file!("where id = $1");

/// Signs new URLs, valid as long as those of the announcement. Errors: the file no longer waits for its
/// upload, or it was announced too long ago.
pub async fn handle(
    call: Call,
    Path(id): Path<FileId>,
    Configured(store): Configured<Store>,
) -> Reply<Json<FileUpload>> {
    let mut access = call.authorize(id);
    let StoredFile {
        file,
        location,
        multipart,
        ..
    } = access.one(sql(StoredFile::LOCK, &[&id])).await?;
    if file.status != FileStatus::Pending || file.created_at + RENEWABLE < Timestamp::now() {
        return Err(Error::Conflict(NOT_RENEWABLE));
    }
    let window = Window::of_upload(multipart.is_some());
    let upload = store
        .presign_upload(
            &access,
            &location,
            &Declared::of(&file)?,
            multipart.as_ref(),
            window,
        )
        .await?;
    let file = access
        .write_then_read(sql(RENEW, &[&window.end(), &id]), sql(READ, &[&id]))
        .await?
        .row;
    let upload = Some(upload);
    access.commit(Json(FileUpload { file, upload })).await
}

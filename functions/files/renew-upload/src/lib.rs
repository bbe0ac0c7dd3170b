//! `POST /v1/files/{id}/upload`: answers anew where to send a file that was announced.

use api::prelude::*;
use domain::file::FileStatus;
use domain::select_file;
use files::{Announced, Declared, Store, StoredFile, Window};

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint::post("/v1/files/{id}/upload")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Answers anew where to send a file that was announced")
    .needs("files:write")
    .recorded_as(Action::Update, ResourceType::File)
    .conflicts(&[&[NOT_RENEWABLE]])
    .idempotent();

const NOT_RENEWABLE: &str =
    "Upload URLs can be renewed for a PENDING file within 22 hours of its creation.";

/// The bucket's rule aborts an upload in parts after a day, and the last renewal lasts an hour.
const RENEWABLE: TimeDelta = TimeDelta::hours(22);

const CURRENT: &str = select_file!(
    "where id = $1 and changes_file(patient_id, owner_id, uploaded_by, record_id) and not is_archived
     for update"
);
const RENEW: &str = "update file_metadata set expires_at = $2 where id = $1";
const READ: &str = select_file!("where id = $1");

/// Answers URLs that live as long as those of the announcement did.
pub async fn handle(
    call: Call,
    Path(id): Path<FileId>,
    Configured(store): Configured<Store>,
) -> Reply<Json<Announced>> {
    let mut access = call.authorize(id);
    let StoredFile {
        file,
        location,
        multipart,
        ..
    } = access.one(sql(CURRENT, &[&id])).await?;
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
        .write_then_read(sql(RENEW, &[&id, &window.end()]), sql(READ, &[&id]))
        .await?
        .row;
    access.commit(Json(Announced { file, upload })).await
}

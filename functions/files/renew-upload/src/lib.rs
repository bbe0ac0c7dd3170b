//! `POST /v1/files/{id}/upload`: answers anew where to send a file that was announced.

use files::{Announced, Declared, Stored, Window, store};
use shared::domain::file::FileStatus;
use shared::prelude::*;
use shared::select_file;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint {
    name: "renew-upload",
    permission: "files:write",
    action: Action::Update,
    resource: ResourceType::File,
};

/// The bucket's rule aborts an upload in parts after a day, and the last renewal lasts an hour.
const RENEWABLE: TimeDelta = TimeDelta::hours(22);

const CURRENT: &str = select_file!(
    "where id = $1 and changes_file(patient_id, owner_id, uploaded_by, record_id) and not is_archived
     for update"
);
const RENEW: &str = "update file_metadata set expires_at = $2 where id = $1";
const READ: &str = select_file!("where id = $1");

/// Answers URLs that live as long as those of the announcement did.
pub async fn handle(call: Call) -> Reply<Json<Announced>> {
    let id: FileId = call.path("id")?;
    let mut access = call.authorize(id);
    let Stored {
        file,
        location,
        multipart,
        ..
    } = access.one(sql(CURRENT, &[&id])).await?;
    if file.status != FileStatus::Pending || file.created_at + RENEWABLE < Timestamp::now() {
        return Err(Error::Conflict(
            "only a file that was announced within 22 hours and has not come is sent",
        ));
    }
    let window = Window::of_upload(multipart.is_some());
    let upload = store()?
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
        .await?;
    access.commit(Json(Announced { file, upload })).await
}

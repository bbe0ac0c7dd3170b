//! `POST /v1/files/{id}/complete`: says that every part of a large file was sent.

use files::{Completion, StoredFile, store};
use shared::domain::file::{FileMetadata, FileStatus};
use shared::prelude::*;
use shared::select_file;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint {
    name: "complete-file",
    permission: "files:write",
    action: Action::Update,
    resource: ResourceType::File,
};

// Of two at once the second waits, and finds the work done.
const CURRENT: &str = select_file!(
    "where id = $1 and changes_file(patient_id, owner_id, uploaded_by, record_id) and not is_archived
     for update"
);

/// Answers the file; S3's event has it checked.
pub async fn handle(call: Call) -> Reply<Json<FileMetadata>> {
    let id: FileId = call.path("id")?;
    let mut access = call.authorize(id);
    let StoredFile {
        file,
        location,
        multipart,
        ..
    } = access.one(sql(CURRENT, &[&id])).await?;
    if file.status == FileStatus::Expired {
        return Err(Error::Conflict(TOO_LATE));
    }
    let multipart = multipart.ok_or(Error::Conflict("this file is not sent in parts"))?;
    // In any other state its object has arrived: it was completed before.
    if file.status == FileStatus::Pending {
        let completion = store()?
            .complete(&access, &location, &multipart, file.file_size)
            .await?;
        match completion {
            Completion::Whole => {}
            Completion::Missing(parts) => return Err(missing(&parts)),
            Completion::Changed => {
                return Err(Error::Conflict(
                    "a part was sent again meanwhile: complete the file again",
                ));
            }
            Completion::Aborted => return Err(Error::Conflict(TOO_LATE)),
        }
    }
    access.commit(Json(file)).await
}

const TOO_LATE: &str = "the upload's time is over: announce the file anew";

fn missing(parts: &[i32]) -> Error {
    let numbers: Vec<_> = parts.iter().map(i32::to_string).collect();
    Error::invalid("parts", &format!("expected also {}", numbers.join(", ")))
}

//! `POST /v1/files/{id}/complete`: says that every part of a large file was sent.

use api::prelude::*;
use domain::file::{FileMetadata, FileStatus};
use domain::select_file;
use files::{Completion, Store, StoredFile};

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint::post("/v1/files/{id}/complete")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Says that every part of a large file was sent")
    .needs("files:write")
    .recorded_as(Action::Update, ResourceType::File)
    .conflicts(&[&[NOT_IN_PARTS, PART_REPLACED, TOO_LATE]])
    .idempotent();

const NOT_IN_PARTS: &str = "This file is not uploaded in parts, so there is nothing to complete.";
const TOO_LATE: &str = "The upload has expired. Create the file again.";
const PART_REPLACED: &str = "A part was uploaded again in the meantime. Complete the file again.";

// Of two at once the second waits, and finds the work done.
const CURRENT: &str = select_file!(
    "where id = $1 and changes_file(patient_id, owner_id, uploaded_by, record_id) and not is_archived
     for update"
);

/// Answers the file; S3's event has it checked.
pub async fn handle(
    call: Call,
    Path(id): Path<FileId>,
    Configured(store): Configured<Store>,
) -> Reply<Json<FileMetadata>> {
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
    let multipart = multipart.ok_or(Error::Conflict(NOT_IN_PARTS))?;
    // In any other state its object has arrived: it was completed before.
    if file.status == FileStatus::Pending {
        let completion = store
            .complete(&access, &location, &multipart, file.file_size)
            .await?;
        match completion {
            Completion::Whole => {}
            Completion::Missing(parts) => return Err(missing(&parts)),
            Completion::Changed => {
                return Err(Error::Conflict(PART_REPLACED));
            }
            Completion::Aborted => return Err(Error::Conflict(TOO_LATE)),
        }
    }
    access.commit(Json(file)).await
}

fn missing(parts: &[i32]) -> Error {
    let numbers: Vec<_> = parts.iter().map(i32::to_string).collect();
    Error::invalid("parts", &format!("expected also {}", numbers.join(", ")))
}

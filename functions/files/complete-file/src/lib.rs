//! `POST /v1/files/{id}/complete`: completes the upload of a file that was sent in parts.

use api::prelude::*;
use domain::file::{FileMetadata, FileStatus};
use domain::select_file;
use files::{Completion, Store, StoredFile};

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/files/{id}/complete")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Completes the upload of a file that was sent in parts")
    .needs("files:write")
    .recorded_as(Action::Update, ResourceType::File)
    .conflicts(&[&[NOT_IN_PARTS, PART_REPLACED, TOO_LATE]])
    .idempotent(READ);

const NOT_IN_PARTS: &str = "The file is not uploaded in parts, so there is nothing to complete.";
// A repeated request may also find the file withheld or archived.
const READ: &str = select_file!(
    "where id = $1 and changes_file(patient_id, owner_id, uploaded_by, record_id) and not is_archived"
);
const TOO_LATE: &str = "The upload has expired. Create the file again.";
const PART_REPLACED: &str = "A part was uploaded again in the meantime. Complete the file again.";

/// Makes S3 assemble the parts into one object. S3's event then starts the check of the file. Errors: parts
/// are missing, or the upload has expired.
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
    } = access.one(sql(StoredFile::LOCK, &[&id])).await?;
    if file.status == FileStatus::Expired {
        return Err(Error::Conflict(TOO_LATE));
    }
    let multipart = multipart.ok_or(Error::Conflict(NOT_IN_PARTS))?;
    // In any other state the object has arrived, so an earlier or concurrent request completed the upload.
    if file.status == FileStatus::Pending {
        let completion = store
            .complete(&access, &location, &multipart, file.file_size)
            .await?;
        match completion {
            Completion::Whole => {}
            Completion::Missing(parts) => return Err(missing(&parts)),
            Completion::Changed => return Err(Error::Conflict(PART_REPLACED)),
            Completion::Aborted => return Err(Error::Conflict(TOO_LATE)),
        }
    }
    access.commit(Json(file)).await
}

fn missing(parts: &[i32]) -> Error {
    let numbers: Vec<_> = parts.iter().map(i32::to_string).collect();
    let numbers = numbers.join(", ");
    Error::invalid(
        "parts",
        &format!("expected all parts; send these with their full length: {numbers}"),
    )
}

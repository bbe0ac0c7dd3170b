//! `POST /v1/files`: announces a file and returns how to upload it.

pub mod new_file;

use api::prelude::*;
use domain::custom_data::CustomDataTable;
use domain::file::FileMetadata;
use domain::select_file;
use files::{Declared, FileUpload, Limits, Location, Multipart, Store, Window};

use crate::new_file::NewFile;

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/files")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Announces a file and returns how to upload it")
    .needs("files:write")
    .recorded_as(Action::Create, ResourceType::File)
    .idempotent(READ);

const ANNOUNCE: &str = include_str!("announce.sql");
const IN_PARTS: &str = "update file_metadata set upload_id = $1, part_size = $2 where id = $3";
const READ: &str = select_file!(
    "where id = $1 and (owner_id = actor_user() or reaches('files:read', patient_id)) and not is_archived
       and (record_id is null or not is_withheld(owner_id, record_id))"
);

/// Announces the file. Errors: the file is too large, or the caller may not add files for this owner.
pub async fn handle(
    call: Call,
    CheckedBody(new): CheckedBody<NewFile>,
    Configured(store): Configured<Store>,
    Configured(limits): Configured<Limits>,
) -> Reply<Created<FileUpload>> {
    let declared = new.declared(limits)?;
    let id = FileId::generate();
    let mut access = call.authorize(OwnedBy {
        resource: id,
        owner: new.owner_id,
    });
    let place = store.place(new.owner_id, id);
    let part_size = limits.part_size(declared.size);
    let window = Window::of_upload(part_size.is_some());
    let custom =
        custom_data::accept(&mut access, CustomDataTable::FileMetadata, new.custom_data).await?;
    let file: FileMetadata = access
        .write_then_read(
            sql(
                ANNOUNCE,
                &[
                    &id,
                    &new.owner_id,
                    &place.bucket,
                    &place.key,
                    &new.original_name,
                    &new.file_type.media_type(),
                    &new.file_size,
                    &new.sha256.as_bytes(),
                    &window.end(),
                    &custom.data,
                    &custom.version,
                    &new.owner_type,
                    &new.appointment_id,
                    &new.record_id,
                ],
            ),
            sql(READ, &[&id]),
        )
        .await?
        .row;
    let Some(part_size) = part_size else {
        let upload = store
            .presign_upload(&access, &place, &declared, None, window)
            .await?;
        let upload = Some(upload);
        return answer(access, FileUpload { file, upload }).await;
    };
    let multipart = store
        .begin(&access, &place, declared.file_type, part_size)
        .await?;
    let answered = in_parts(access, store, &place, &declared, &multipart, window).await;
    // If it is unknown whether the row is stored, the upload must remain usable.
    if answered
        .as_ref()
        .is_err_and(|error| !matches!(error, Error::OutcomeUnknown))
    {
        // If this fails too, the bucket's lifecycle rule aborts the upload.
        store.abort(&place, &multipart).await.ok();
    }
    answered
}

async fn in_parts(
    mut access: Access<OwnedBy<FileId>>,
    store: &Store,
    place: &Location,
    declared: &Declared,
    multipart: &Multipart,
    window: Window,
) -> Reply<Created<FileUpload>> {
    let id = access.granted().resource;
    let upload = store
        .presign_upload(&access, place, declared, Some(multipart), window)
        .await?;
    let file = access
        .write_then_read(
            sql(IN_PARTS, &[&multipart.upload_id, &multipart.part_size, &id]),
            sql(READ, &[&id]),
        )
        .await?
        .row;
    let upload = Some(upload);
    answer(access, FileUpload { file, upload }).await
}

async fn answer(access: Access<OwnedBy<FileId>>, body: FileUpload) -> Reply<Created<FileUpload>> {
    access
        .commit(Created {
            location: format!("/v1/files/{}", body.file.id),
            body,
        })
        .await
}

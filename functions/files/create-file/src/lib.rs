//! `POST /v1/files`: announces a file and answers where to send it.

use api::prelude::*;
use domain::custom_data::{CustomData, CustomDataTable};
use domain::file::{self, FileMetadata, FileOwnerType};
use domain::select_file;
use domain::text::Text;
use files::{Announced, Declared, FileType, Limits, Location, Multipart, Sha256, Store, Window};

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint::post("/v1/files")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Announces a file and answers where to send it")
    .needs("files:write")
    .recorded_as(Action::Create, ResourceType::File)
    .idempotent();

/// The body.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewFile {
    /// As what it is owned.
    pub owner_type: FileOwnerType,
    /// The owning user: a patient's, or the calling provider.
    pub owner_id: UserId,
    /// The visit, where one owns it.
    pub appointment_id: Option<AppointmentId>,
    /// The entry of the chart that it is held back with; named by who writes entries.
    pub record_id: Option<RecordId>,
    /// Its name where it comes from.
    #[serde(deserialize_with = "file::name")]
    pub original_name: Text<255>,
    /// Its media type.
    pub file_type: FileType,
    /// Bytes.
    pub file_size: i64,
    /// The bytes' SHA-256 in hex.
    pub sha256: Sha256,
    /// The clinic's own fields, as its registered schema has them.
    pub custom_data: Option<CustomData>,
}

const ANNOUNCE: &str = include_str!("announce.sql");
const IN_PARTS: &str = "update file_metadata set upload_id = $2, part_size = $3 where id = $1";
const READ: &str = select_file!("where id = $1");

/// Announces the file.
pub async fn handle(
    call: Call,
    Body(new): Body<NewFile>,
    Configured(store): Configured<Store>,
    Configured(limits): Configured<Limits>,
) -> Reply<Created<Announced>> {
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
                    &new.owner_type,
                    &new.appointment_id,
                    &place.bucket,
                    &place.key,
                    &new.original_name,
                    &new.file_type.media_type(),
                    &new.file_size,
                    &new.sha256.as_bytes(),
                    &window.end(),
                    &custom.data,
                    &custom.version,
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
        return answer(access, Announced { file, upload }).await;
    };
    let multipart = store
        .begin(&access, &place, declared.file_type, part_size)
        .await?;
    let answered = in_parts(access, store, &place, &declared, &multipart, window).await;
    if answered.is_err() {
        // Best effort: no row knows of this upload, and the bucket's lifecycle rule aborts what is left.
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
) -> Reply<Created<Announced>> {
    let id = access.granted().resource;
    let upload = store
        .presign_upload(&access, place, declared, Some(multipart), window)
        .await?;
    let file = access
        .write_then_read(
            sql(IN_PARTS, &[&id, &multipart.upload_id, &multipart.part_size]),
            sql(READ, &[&id]),
        )
        .await?
        .row;
    answer(access, Announced { file, upload }).await
}

async fn answer(access: Access<OwnedBy<FileId>>, body: Announced) -> Reply<Created<Announced>> {
    access
        .commit(Created {
            location: format!("/v1/files/{}", body.file.id),
            body,
        })
        .await
}

impl NewFile {
    fn declared(&self, limits: &Limits) -> Result<Declared, Error> {
        if (self.owner_type == FileOwnerType::Appointment) != self.appointment_id.is_some() {
            return Err(Error::invalid(
                "appointment_id",
                "expected where owner_type is APPOINTMENT, and only there",
            ));
        }
        limits.check(self.file_type, self.file_size)?;
        Ok(Declared {
            file_type: self.file_type,
            size: self.file_size,
            sha256: self.sha256,
        })
    }
}

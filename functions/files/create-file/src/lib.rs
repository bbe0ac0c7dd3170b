//! `POST /v1/files`: announces a file and answers where to send it.

use files::{Announced, Declared, FileType, Location, Multipart, Sha256, Window, limits, store};
use serde::Deserialize;
use shared::domain::custom_data::{CustomData, CustomDataTable};
use shared::domain::file::{self, FileMetadata, FileOwnerType};
use shared::domain::text::Text;
use shared::prelude::*;
use shared::select_file;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint {
    name: "create-file",
    permission: "files:write",
    action: Action::Create,
    resource: ResourceType::File,
};

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
pub async fn handle(call: Call) -> Reply<Created<Announced>> {
    let new: NewFile = call.body()?;
    let declared = new.declared()?;
    let id = FileId::generate();
    let mut access = call.authorize(OwnedBy {
        resource: id,
        owner: new.owner_id,
    });
    let store = store()?;
    let place = store.place(new.owner_id, id);
    let part_size = limits()?.part_size(declared.size);
    let window = Window::of_upload(part_size.is_some())?;
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
        .await?;
    let Some(part_size) = part_size else {
        let upload = store
            .presign_upload(&access, &place, &declared, None, window)
            .await?;
        return answer(access, Announced { file, upload }).await;
    };
    let multipart = store
        .begin(&access, &place, declared.file_type, part_size)
        .await?;
    let answered = in_parts(access, &place, &declared, &multipart, window).await;
    if answered.is_err() {
        // Best effort, for no row tells of it; the bucket's rule ends what is left.
        store.abort(&place, &multipart).await.ok();
    }
    answered
}

async fn in_parts(
    mut access: Access<OwnedBy<FileId>>,
    place: &Location,
    declared: &Declared,
    multipart: &Multipart,
    window: Window,
) -> Reply<Created<Announced>> {
    let id = access.granted().resource;
    let upload = store()?
        .presign_upload(&access, place, declared, Some(multipart), window)
        .await?;
    let file = access
        .write_then_read(
            sql(IN_PARTS, &[&id, &multipart.upload_id, &multipart.part_size]),
            sql(READ, &[&id]),
        )
        .await?;
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
    fn declared(&self) -> Result<Declared, Error> {
        if (self.owner_type == FileOwnerType::Appointment) != self.appointment_id.is_some() {
            return Err(Error::invalid(
                "appointment_id",
                "expected where owner_type is APPOINTMENT, and only there",
            ));
        }
        limits()?.check(self.file_type, self.file_size)?;
        Ok(Declared {
            file_type: self.file_type,
            size: self.file_size,
            sha256: self.sha256,
        })
    }
}

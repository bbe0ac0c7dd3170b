//! `POST /v1/files`: announces a file and answers where to send it.

use documents::{Declared, FileType, Sha256, Upload, store};
use serde::{Deserialize, Serialize};
use shared::domain::file::{FileMetadata, FileOwnerType};
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
    /// Its name where it comes from.
    pub original_name: Text<255>,
    /// Its media type.
    pub file_type: FileType,
    /// Bytes.
    pub file_size: i64,
    /// The bytes' SHA-256 in hex.
    pub sha256: Sha256,
}

/// The answer: a file that waits for its bytes.
#[derive(Serialize, JsonSchema)]
pub struct Announced {
    /// Its metadata.
    pub file: FileMetadata,
    /// How to send the bytes.
    pub upload: Upload,
}

impl Content for Announced {
    fn patients(&self) -> Vec<PatientId> {
        self.file.patients()
    }

    fn version(&self) -> Option<i32> {
        self.file.version()
    }
}

// Writes no row where the caller may not add files to this owner. A provider's own files are hers
// alone; a visit's belong to its patient's chart.
const ANNOUNCE: &str = "
    insert into file_metadata
      (id, owner_id, owner_type, patient_id, appointment_id, bucket, file_path, original_name,
       file_type, file_size, sha256, expires_at, uploaded_by)
    select $1, $2, owner.type, patient.id, visit.id, $5, $6, $7, $8, $9, $10, $11, actor_user()
    from (values ($3::text::file_owner_type)) as owner (type)
    left join patients as patient
      on owner.type <> 'PROVIDER' and patient.user_id = $2 and not patient.is_archived
        and reaches('files:write', patient.id)
    left join appointments as visit
      on owner.type = 'APPOINTMENT' and visit.id = $4 and visit.patient_id = patient.id
        and not visit.is_archived
    where case owner.type
      when 'PATIENT' then patient.id is not null
      when 'APPOINTMENT' then visit.id is not null
      when 'PROVIDER' then actor_provider() is not null and actor_user() = $2
    end";
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
    // Signed before the owner is known to be the caller's, but sent only once that is committed.
    let upload = store.presign_upload(&access, &place, &declared).await?;
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
                    &upload.expires_at,
                ],
            ),
            sql(READ, &[&id]),
        )
        .await?;
    access
        .commit(Created {
            location: format!("/v1/files/{id}"),
            body: Announced { file, upload },
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
        let sizes = self.file_type.sizes();
        if !sizes.contains(&self.file_size) {
            let expected = format!(
                "expected {} to {} bytes for this type",
                sizes.start(),
                sizes.end()
            );
            return Err(Error::invalid("file_size", &expected));
        }
        Ok(Declared {
            file_type: self.file_type,
            size: self.file_size,
            sha256: self.sha256,
        })
    }
}

//! The announcement of a file.

use api::prelude::*;
use domain::custom_data::CustomData;
use domain::file::FileOwnerType;
use domain::text::Line;
use files::{Declared, FileType, Limits, Sha256};

/// The announcement of a file, before its upload. The uploaded content must match it exactly.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewFile {
    /// The kind of owner: patient, provider or appointment.
    pub owner_type: FileOwnerType,
    /// The user who owns the file. It is the calling provider if `owner_type` is `PROVIDER`, and the
    /// user of the patient otherwise.
    pub owner_id: UserId,
    /// The appointment that the file belongs to. Null unless `owner_type` is `APPOINTMENT`.
    pub appointment_id: Option<AppointmentId>,
    /// The medical record that the file belongs to. While the record is withheld from the patient, so is
    /// the file. It requires the permission `records:write`. Null if the file belongs to no record.
    pub record_id: Option<RecordId>,
    /// The name of the file, for example `referral.pdf`. It can't contain characters that change the
    /// direction of text.
    pub original_name: Line<255>,
    /// The media type of the file, for example `application/pdf`.
    pub file_type: FileType,
    /// The size of the file in bytes. The greatest size depends on the type.
    #[schemars(range(min = 1))]
    pub file_size: i64,
    /// The SHA-256 digest of the file, as 64 hexadecimal digits.
    pub sha256: Sha256,
    /// Additional fields that the clinic defines, valid against the JSON Schema registered for
    /// `file_metadata`. Null if there are none.
    pub custom_data: Option<CustomData>,
}

impl Check for NewFile {
    fn check(&self, sound: &Sound<'_>) -> Result<(), Error> {
        let appointment = match self.owner_type == FileOwnerType::Appointment {
            _ if !sound.are(&["owner_type"]) => Ok(()),
            is_of_visit if is_of_visit == self.appointment_id.is_some() => Ok(()),
            _ => Err(Error::invalid(
                "appointment_id",
                "expected an appointment if owner_type is APPOINTMENT, and none otherwise",
            )),
        };
        let size = match self.file_size {
            1.. => Ok(()),
            _ => Err(Error::invalid("file_size", "expected at least 1 byte")),
        };
        Error::first([appointment, size])
    }
}

impl NewFile {
    /// The content that must be uploaded. Errors: the size is out of range for the type.
    pub(crate) fn declared(&self, limits: &Limits) -> Result<Declared, Error> {
        limits.check(self.file_type, self.file_size)?;
        Ok(Declared {
            file_type: self.file_type,
            size: self.file_size,
            sha256: self.sha256,
        })
    }
}

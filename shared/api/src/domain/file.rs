//! Files: a row here, the object in S3 (seed A table 6).

use schemars::JsonSchema;
use serde::de::{Error as _, Unexpected};
use serde::{Deserialize as _, Deserializer, Serialize};

use super::custom_data::CustomData;
use super::text::Text;
use crate::ids::{AppointmentId, FileId, PatientId, RecordId, UserId};
use crate::reply::Content;
use crate::row;
use crate::sql::text_enum;
use crate::time::Timestamp;

/// A file's name without the characters that override or isolate the direction of others (Unicode
/// Standard Annex 9): with one, `invoice_fdp.exe` is shown as `invoice_exe.pdf`.
pub fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Text<255>, D::Error> {
    let name = Text::deserialize(deserializer)?;
    let turns = |c| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    match name.as_str().contains(turns) {
        true => Err(D::Error::invalid_value(
            Unexpected::Other("text"),
            &"a name without characters that turn its direction",
        )),
        false => Ok(name),
    }
}

text_enum! {
    /// Whom a file belongs to.
    pub enum FileOwnerType: "SCREAMING_SNAKE_CASE" {
        /// A patient.
        Patient,
        /// A provider.
        Provider,
        /// A patient's visit.
        Appointment,
    }
}

text_enum! {
    /// How far a file is on its way to be read.
    pub enum FileStatus: "SCREAMING_SNAKE_CASE" {
        /// Announced, not yet uploaded.
        Pending,
        /// Being checked.
        Scanning,
        /// Checked: it may be read.
        Available,
        /// Kept from everybody.
        Quarantined,
        /// Not what was announced.
        Rejected,
        /// Never uploaded.
        Expired,
    }
}

text_enum! {
    /// What a malware scanner said of a file.
    pub enum FileScan: "SCREAMING_SNAKE_CASE" {
        /// None looked, or none could tell.
        Unscanned,
        /// Nothing found.
        Clean,
        /// Malware.
        Infected,
    }
}

row! {
    /// A file's metadata as answered. The object's key stays inside.
    #[derive(Debug, JsonSchema, Serialize)]
    pub struct FileMetadata {
        /// The file.
        pub id: FileId,
        /// The owning user.
        pub owner_id: UserId,
        /// As what it is owned.
        pub owner_type: FileOwnerType,
        /// The patient it is about.
        pub patient_id: Option<PatientId>,
        /// The visit it is about.
        pub appointment_id: Option<AppointmentId>,
        /// The entry of the chart that it is held back with.
        pub record_id: Option<RecordId>,
        /// Its name where it came from.
        pub original_name: String,
        /// Its media type.
        pub file_type: String,
        /// Bytes.
        pub file_size: i64,
        /// SHA-256 of its bytes, in hex.
        pub sha256: String,
        /// How far it is.
        pub status: FileStatus,
        /// Why it is there.
        pub status_reason: Option<String>,
        /// What a malware scanner said.
        pub scan: FileScan,
        /// When the object arrived.
        pub upload_date: Option<Timestamp>,
        /// The clinic's own fields, as its registered schema has them.
        pub custom_data: Option<CustomData>,
        /// The version of the registered schema that they satisfied.
        pub custom_data_version: Option<i32>,
        /// When it was made.
        pub created_at: Timestamp,
        /// When it last changed.
        pub updated_at: Timestamp,
        /// Whether it was deleted.
        pub is_archived: bool,
        /// Counts its changes.
        pub version: i32,
    }
}

impl Content for FileMetadata {
    fn patients(&self) -> Vec<PatientId> {
        self.patient_id.into_iter().collect()
    }

    fn version(&self) -> Option<i32> {
        Some(self.version)
    }
}

/// `select …` of a [`FileMetadata`] and, never answered, the place of its object and its upload; goes
/// on with `where` or the like.
#[macro_export]
macro_rules! select_file {
    ($($rest:literal),+ $(,)?) => {
        concat!(
            "select id, owner_id, owner_type::text, patient_id, appointment_id, record_id, original_name,
               file_type, file_size, encode(sha256, 'hex') as sha256, status::text, status_reason, scan::text, upload_date,
               custom_data, custom_data_version, created_at, updated_at, is_archived, version, bucket, file_path,
               object_version, upload_id, part_size
             from file_metadata ",
            $($rest),+
        )
    };
}

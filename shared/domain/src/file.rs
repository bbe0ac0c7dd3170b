//! The metadata of files. The bytes of a file are an object in S3.

use crate::time::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::custom_data::CustomData;
use crate::amendment::AmendmentLink;
use crate::disclosure::Content;
use crate::ids::{AppointmentId, FileId, PatientId, RecordId, UserId};
use sql::text_enum;
use sql::{Jsonb, row};

text_enum! {
    /// The kind of resource that owns a file.
    pub enum FileOwnerType: "SCREAMING_SNAKE_CASE" {
        /// The file belongs to a patient.
        Patient,
        /// The file belongs to a provider.
        Provider,
        /// The file belongs to an appointment of a patient.
        Appointment,
    }
}

text_enum! {
    /// The status of a file between its announcement and its download.
    pub enum FileStatus: "SCREAMING_SNAKE_CASE" {
        /// The file is announced, but it is not uploaded yet.
        Pending,
        /// The file is uploaded and is being checked.
        Scanning,
        /// The file passed all checks and can be downloaded.
        Available,
        /// The file can't be downloaded: it contains malware, could not be scanned, or is missing
        /// from the storage.
        Quarantined,
        /// The uploaded bytes differ from the announced file, or the file is damaged.
        Rejected,
        /// The file was not completely uploaded in time.
        Expired,
    }
}

text_enum! {
    /// The result of the malware scan of a file.
    pub enum FileScan: "SCREAMING_SNAKE_CASE" {
        /// The file has not been scanned, or the scanner could not decide.
        Unscanned,
        /// The scanner found no malware.
        Clean,
        /// The scanner found malware in the file.
        Infected,
    }
}

row! {
    /// The metadata of a file. The bytes of the file are stored separately.
    #[derive(Debug, JsonSchema, Serialize)]
    pub struct FileMetadata {
        /// The id of the file, a UUID.
        pub id: FileId,
        /// The user who owns the file.
        pub owner_id: UserId,
        /// The kind of owner: patient, provider or appointment.
        pub owner_type: FileOwnerType,
        /// The patient whom the file is about. Null if the owner is a provider.
        pub patient_id: Option<PatientId>,
        /// The appointment that the file belongs to. Null unless `owner_type` is `APPOINTMENT`.
        pub appointment_id: Option<AppointmentId>,
        /// The medical record that the file belongs to. While the record is withheld from the
        /// patient, so is the file. Null if the file belongs to no record.
        pub record_id: Option<RecordId>,
        /// The name of the file as the uploader gave it, for example `referral.pdf`.
        pub original_name: String,
        /// The media type of the file, for example `application/pdf`.
        pub file_type: String,
        /// The size of the file in bytes.
        #[schemars(range(min = 1))]
        pub file_size: i64,
        /// The SHA-256 digest of the file, as 64 lower-case hexadecimal digits.
        pub sha256: String,
        /// The status of the file, for example `AVAILABLE` if it can be downloaded.
        pub status: FileStatus,
        /// The reason for the status as a code, for example `checksum-mismatch` or `malware`. Null
        /// if the status needs no reason.
        pub status_reason: Option<String>,
        /// The result of the malware scan of the file.
        pub scan: FileScan,
        /// The time at which the uploaded file arrived (RFC 3339, UTC). Null until it has arrived.
        pub upload_date: Option<Timestamp>,
        /// Additional fields that the clinic defines, valid against the JSON Schema registered for
        /// `file_metadata`. Null if there are none.
        pub custom_data: Option<CustomData>,
        /// The version of the JSON Schema that `custom_data` satisfies. Null if `custom_data` is
        /// null.
        #[schemars(range(min = 1))]
        pub custom_data_version: Option<i32>,
        /// The time at which the file was announced (RFC 3339, UTC).
        pub created_at: Timestamp,
        /// The time of the last change of the metadata (RFC 3339, UTC).
        pub updated_at: Timestamp,
        /// The newest 20 amendments of the file that the caller can read, the newest first.
        /// `GET /v1/amendments?file_id=…` lists all. An answer with amendments has no `ETag`, because they change while the
        /// file stays as it is.
        pub amendments: Jsonb<Vec<AmendmentLink>>,
        /// Whether the file is archived. `DELETE` archives a file and never erases it.
        pub is_archived: bool,
        /// The version number of the metadata: it starts at 1 and grows by 1 with each change. The
        /// `ETag` header carries it too.
        #[schemars(range(min = 1))]
        pub version: i32,
    }
}

impl Content for FileMetadata {
    fn patients(&self) -> Vec<PatientId> {
        self.patient_id.into_iter().collect()
    }

    fn version(&self) -> Option<i32> {
        self.amendments.0.is_empty().then_some(self.version)
    }
}

/// A `select` statement for a [`FileMetadata`]. It also selects the location of the object and the
/// state of its upload, which the API never returns. The arguments are appended to it, for example a
/// `where` clause.
#[macro_export]
macro_rules! select_file {
    ($($rest:expr),+ $(,)?) => {
        concat!(
            "select id, owner_id, owner_type::text, patient_id, appointment_id, record_id, original_name,
               file_type, file_size, encode(sha256, 'hex') as sha256, status::text, status_reason, scan::text, upload_date,
               custom_data, custom_data_version, created_at, updated_at, is_archived, version, bucket, file_path,
               object_version, upload_id, part_size, ",
            $crate::amendment_links!("a.file_id = file_metadata.id"),
            " from file_metadata ",
            $($rest),+
        )
    };
}

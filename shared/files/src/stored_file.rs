//! A file's row, with the columns that no answer contains.

use domain::file::FileMetadata;
use domain::select_file;
use sql::FromRow;
use sql::postgres::{Error as RowError, Row};

use crate::{Location, Multipart};

/// A file and the location of its object, as [`select_file!`](domain::select_file) selects them.
#[derive(Debug)]
pub struct StoredFile {
    /// The metadata, which answers contain.
    pub file: FileMetadata,
    /// Where the object is stored, or will be stored once it is uploaded.
    pub location: Location,
    /// The version of the object that was checked, if the bucket keeps versions.
    pub object_version: Option<String>,
    /// The upload in parts, if the file is sent in parts and S3 may still hold them.
    pub multipart: Option<Multipart>,
}

impl StoredFile {
    /// Selects the file `$1` if the caller may change it, and locks its row.
    pub const LOCK: &str = select_file!(
        "where id = $1 and changes_file(patient_id, owner_id, uploaded_by, record_id) and not is_archived
         for update"
    );
}

impl FromRow for StoredFile {
    fn from_row(row: &Row) -> Result<Self, RowError> {
        Ok(Self {
            file: FileMetadata::from_row(row)?,
            location: Location::from_row(row)?,
            object_version: row.try_get("object_version")?,
            multipart: Multipart::from_row(row)?,
        })
    }
}

//! The row of a file, including the columns that the API never returns.

use schemars::JsonSchema;
use serde::Serialize;
use shared::domain::file::FileMetadata;
use shared::ids::PatientId;
use shared::reply::Content;
use shared::sql::FromRow;
use shared::sql::postgres::{Error as RowError, Row};

use crate::{Location, Multipart, Upload};

/// A file and the location of its object, as [`select_file!`](shared::select_file) selects them.
#[derive(Debug)]
pub struct Stored {
    /// The metadata that the API returns.
    pub file: FileMetadata,
    /// The location of the object, whether or not it is uploaded yet.
    pub location: Location,
    /// The version of the object that was checked. None in a bucket without versions.
    pub object_version: Option<String>,
    /// The multipart upload. None for a file that is uploaded in one request.
    pub multipart: Option<Multipart>,
}

impl FromRow for Stored {
    fn from_row(row: &Row) -> Result<Self, RowError> {
        Ok(Self {
            file: FileMetadata::from_row(row)?,
            location: Location::from_row(row)?,
            object_version: row.try_get("object_version")?,
            multipart: Multipart::from_row(row)?,
        })
    }
}

/// A file that is announced but not uploaded yet, with the instructions for its upload.
#[derive(Serialize, JsonSchema)]
pub struct Announced {
    /// The metadata of the announced file.
    pub file: FileMetadata,
    /// The instructions for uploading the bytes of the file.
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

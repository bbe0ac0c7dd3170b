//! A file's row, with what is never answered of it.

use schemars::JsonSchema;
use serde::Serialize;
use shared::domain::file::FileMetadata;
use shared::ids::PatientId;
use shared::reply::Content;
use shared::sql::FromRow;
use shared::sql::postgres::{Error as RowError, Row};

use crate::{Location, Multipart, Upload};

/// A file and where its object is, as [`select_file!`](shared::select_file) selects it.
#[derive(Debug)]
pub struct Stored {
    /// What is answered.
    pub file: FileMetadata,
    /// Where its object is, or will be.
    pub location: Location,
    /// Which version of the object was checked, in a bucket that keeps versions.
    pub object_version: Option<String>,
    /// Its upload, where that is in parts.
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

/// A file that waits for its bytes.
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

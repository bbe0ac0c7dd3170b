//! What was written of a package and is on its way to S3.

use std::io;

use api::prelude::*;
use chart_export::Buffer;
use files::{PACKAGE_PART, PackageUpload, StoredPackage};

/// The writer of a package, and its upload.
pub struct Upload<'s> {
    buffer: Buffer,
    upload: PackageUpload<'s>,
}

impl<'s> Upload<'s> {
    pub fn new(upload: PackageUpload<'s>) -> Self {
        Self {
            buffer: Buffer::default(),
            upload,
        }
    }

    /// A writer of the package.
    pub fn writer(&self) -> Buffer {
        self.buffer.clone()
    }

    /// Sends what was written, if it is a whole part.
    pub async fn flush(&mut self) -> Result<(), Error> {
        if self.buffer.len() >= PACKAGE_PART {
            self.upload.send(self.buffer.take()).await?;
        }
        Ok(())
    }

    /// Sends the rest and makes the object.
    pub async fn finish(mut self) -> Result<StoredPackage, Error> {
        self.upload.send(self.buffer.take()).await?;
        self.upload.finish().await
    }

    /// Ends the upload without an object.
    pub async fn abort(self) {
        self.upload.abort().await;
    }
}

/// The error of a part of a package that can't be written. It contains no patient data.
pub fn unwritable(error: io::Error) -> Error {
    tracing::error!(kind = ?error.kind(), "a part of a package can't be written");
    Error::Internal("a part of a package can't be written")
}

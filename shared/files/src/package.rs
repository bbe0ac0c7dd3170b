//! Packages of exported charts in S3: writing one in parts, reading the files that it contains, and the signed URL that
//! fetches it.

use std::time::Duration;

use api::access::Access;
use api::target::Target;
use aws_lc_rs::digest::{Context, SHA256};
use aws_sdk_s3::Config;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use domain::ids::{ExportId, PatientId};
use errors::Error;

use crate::store::{unbuildable, unreachable};
use crate::{Download, Location, Store, Window};

/// The length in bytes of each part of a package except the last. S3 demands 5 MiB at least.
pub const PACKAGE_PART: usize = 8 << 20;

/// S3 may take minutes to make an object of many parts.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html>
const COMPLETION: Duration = Duration::from_secs(300);

/// A package that is being sent to S3 in parts, in bounded memory.
pub struct PackageUpload<'s> {
    store: &'s Store,
    location: Location,
    upload_id: String,
    parts: Vec<CompletedPart>,
    size: i64,
    hash: Context,
}

/// A package in S3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPackage {
    /// The size in bytes.
    pub size: i64,
    /// The SHA-256 digest.
    pub sha256: Vec<u8>,
}

impl Store {
    /// The location of a package. The key holds only ids and the number of the attempt that makes the package, so that no
    /// attempt overwrites another's.
    pub fn package_place(&self, patient: PatientId, export: ExportId, attempt: i32) -> Location {
        Location {
            bucket: self.bucket.clone(),
            key: format!("exports/{patient}/{export}/{attempt}.zip"),
        }
    }

    /// Begins to send a package. Errors: S3 fails. The same holds for all functions of this module.
    pub async fn begin_package(&self, location: Location) -> Result<PackageUpload<'_>, Error> {
        let begun = self
            .client()
            .create_multipart_upload()
            .bucket(&location.bucket)
            .key(&location.key)
            .content_type("application/zip")
            .send()
            .await
            .map_err(|error| unreachable(&error))?;
        let upload_id = begun.upload_id.ok_or(Error::Unavailable(
            "the answer of the file store lacks the upload's id",
        ))?;
        Ok(PackageUpload {
            store: self,
            location,
            upload_id,
            parts: Vec::new(),
            size: 0,
            hash: Context::new(&SHA256),
        })
    }

    /// The bytes of a file's object in this version. None if there is no such object.
    pub async fn content<T>(
        &self,
        _access: &Access<T>,
        location: &Location,
        version: Option<&str>,
    ) -> Result<Option<ByteStream>, Error> {
        let answer = self
            .client()
            .get_object()
            .bucket(&location.bucket)
            .key(&location.key)
            .set_version_id(version.map(str::to_owned))
            .send()
            .await;
        match answer {
            Ok(object) => Ok(Some(object.body)),
            Err(error) => {
                let status = error.raw_response().map(|answer| answer.status().as_u16());
                match status {
                    Some(404 | 405) => Ok(None),
                    _ => Err(unreachable(&error)),
                }
            }
        }
    }

    /// Signs the download of a package, and marks the access as a disclosure. The name of the downloaded file is the id of
    /// the request, because URLs are logged.
    pub async fn presign_package<T: Target>(
        &self,
        access: &mut Access<T>,
        location: &Location,
        export: ExportId,
    ) -> Result<Download, Error> {
        access.mark_disclosure();
        let window = Window::of_download();
        let request = self
            .signer()
            .get_object()
            .bucket(&location.bucket)
            .key(&location.key)
            .response_content_disposition(format!("attachment; filename=\"{export}.zip\""))
            .response_content_type("application/zip")
            .response_content_encoding("identity")
            .response_cache_control("private, no-store")
            .presigned(window.presigning()?)
            .await
            .map_err(unbuildable)?;
        Ok(Download {
            url: request.uri().to_owned(),
            expires_at: window.end(),
        })
    }
}

impl PackageUpload<'_> {
    /// Sends the next part. Each part but the last has at least [`PACKAGE_PART`] bytes.
    pub async fn send(&mut self, part: Vec<u8>) -> Result<(), Error> {
        self.hash.update(&part);
        self.size += part.len() as i64;
        // A package with a part of 8 MiB has fewer than S3's 10,000 parts up to 78 GiB.
        let number = self.parts.len() as i32 + 1;
        let sent = self
            .store
            .client()
            .upload_part()
            .bucket(&self.location.bucket)
            .key(&self.location.key)
            .upload_id(&self.upload_id)
            .part_number(number)
            .body(ByteStream::from(part))
            .send()
            .await
            .map_err(|error| unreachable(&error))?;
        self.parts.push(
            CompletedPart::builder()
                .part_number(number)
                .set_e_tag(sent.e_tag)
                .build(),
        );
        Ok(())
    }

    /// Makes the object of all parts.
    pub async fn finish(self) -> Result<StoredPackage, Error> {
        self.store
            .client()
            .complete_multipart_upload()
            .bucket(&self.location.bucket)
            .key(&self.location.key)
            .upload_id(&self.upload_id)
            .multipart_upload(
                CompletedMultipartUpload::builder()
                    .set_parts(Some(self.parts))
                    .build(),
            )
            .customize()
            .config_override(
                Config::builder().timeout_config(
                    TimeoutConfig::builder()
                        .operation_attempt_timeout(COMPLETION)
                        .operation_timeout(COMPLETION)
                        .build(),
                ),
            )
            .send()
            .await
            .map_err(|error| unreachable(&error))?;
        Ok(StoredPackage {
            size: self.size,
            sha256: self.hash.finish().as_ref().to_vec(),
        })
    }

    /// Ends the upload without an object. If this fails, the bucket's lifecycle rule does it after a day.
    pub async fn abort(self) {
        let aborted = self
            .store
            .client()
            .abort_multipart_upload()
            .bucket(&self.location.bucket)
            .key(&self.location.key)
            .upload_id(&self.upload_id)
            .send()
            .await;
        if let Err(error) = aborted {
            let _ = unreachable(&error);
        }
    }
}

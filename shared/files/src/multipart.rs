//! S3 multipart uploads for large files: creation, signing, completion and abort.

use std::collections::BTreeMap;
use std::iter;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use schemars::JsonSchema;
use serde::Serialize;
use shared::access::Access;
use shared::errors::Error;
use shared::sql::postgres::{Error as RowError, Row};

use crate::signing::signed_headers;
use crate::store::{unreachable, unsigned};
use crate::{FileType, Location, Store, Window};

/// A multipart upload that is open in S3. A row stores it in the columns `upload_id` and `part_size`.
#[derive(Clone, Debug)]
pub struct Multipart {
    /// The id of the upload in S3.
    pub upload_id: String,
    /// The size in bytes of each part except the last, which has the rest.
    pub part_size: i64,
}

// `Part` doesn't implement `Debug`: until it expires, a presigned URL is a secret.

/// The instructions for uploading one part of a file.
#[derive(JsonSchema, Serialize)]
pub struct Part {
    /// The position of the part in the file. The first part has number 1.
    pub part_number: i32,
    /// The size of the part in bytes.
    pub size: i64,
    /// The HTTP method of the upload request, always `PUT`.
    pub method: &'static str,
    /// The presigned URL to which the part is uploaded. Treat it as a secret.
    pub url: String,
    /// The headers to send, exactly as given. They are signed, so a part with another length is
    /// refused. A browser sets `content-length` by itself.
    pub headers: BTreeMap<String, String>,
}

/// The result of completing a multipart upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Completion {
    /// The object exists in S3.
    Whole,
    /// The parts with these numbers are missing or have the wrong size.
    Missing(Vec<i32>),
    /// A part was uploaded again in the meantime. No part is lost.
    Changed,
    /// S3 has neither the parts nor the object.
    Aborted,
}

impl Multipart {
    /// The multipart upload in a row, if it has one.
    pub(crate) fn from_row(row: &Row) -> Result<Option<Self>, RowError> {
        let upload_id: Option<String> = row.try_get("upload_id")?;
        let part_size: Option<i64> = row.try_get("part_size")?;
        Ok(upload_id.zip(part_size).map(|(upload_id, part_size)| Self {
            upload_id,
            part_size,
        }))
    }

    /// The number and the size of each part of a file of `size` bytes.
    fn parts(&self, size: i64) -> impl Iterator<Item = (i32, i64)> {
        let part_size = self.part_size;
        let rests = iter::successors(Some(size), move |rest| Some(rest - part_size));
        (1..).zip(
            rests
                .take_while(|rest| *rest > 0)
                .map(move |rest| rest.min(part_size)),
        )
    }
}

impl Store {
    /// Creates a multipart upload. It costs storage until it is completed or aborted. A lifecycle
    /// rule of
    /// the bucket aborts it after a day.
    pub async fn begin<T>(
        &self,
        _access: &Access<T>,
        location: &Location,
        file_type: FileType,
        part_size: i64,
    ) -> Result<Multipart, Error> {
        let begun = self
            .client()
            .create_multipart_upload()
            .bucket(&location.bucket)
            .key(&location.key)
            .content_type(file_type.media_type())
            .send()
            .await
            .map_err(|error| unreachable(&error))?;
        let upload_id = begun
            .upload_id
            .ok_or(Error::Unavailable("the file store answers incompletely"))?;
        Ok(Multipart {
            upload_id,
            part_size,
        })
    }

    /// Signs the upload of each part of a file of `size` bytes. S3 refuses a part of another length.
    pub(crate) async fn sign_parts(
        &self,
        location: &Location,
        multipart: &Multipart,
        size: i64,
        window: Window,
    ) -> Result<Vec<Part>, Error> {
        let mut parts = Vec::new();
        for (part_number, size) in multipart.parts(size) {
            let request = self
                .signer()
                .upload_part()
                .bucket(&location.bucket)
                .key(&location.key)
                .upload_id(&multipart.upload_id)
                .part_number(part_number)
                .content_length(size)
                .presigned(window.presigning()?)
                .await
                .map_err(unsigned)?;
            parts.push(Part {
                part_number,
                size,
                method: "PUT",
                url: request.uri().to_owned(),
                headers: signed_headers(&request),
            });
        }
        Ok(parts)
    }

    /// Completes the upload if all parts have arrived: S3 then joins them into one object. It is safe to
    /// repeat.
    pub async fn complete<T>(
        &self,
        access: &Access<T>,
        location: &Location,
        multipart: &Multipart,
        size: i64,
    ) -> Result<Completion, Error> {
        let listed = self
            .client()
            .list_parts()
            .bucket(&location.bucket)
            .key(&location.key)
            .upload_id(&multipart.upload_id)
            .send()
            .await;
        let sent = match listed {
            Ok(listed) => listed.parts.unwrap_or_default(),
            Err(error) if is_over(&error) => return self.is_there(access, location).await,
            Err(error) => return Err(unreachable(&error)),
        };
        let (mut parts, mut missing) = (Vec::new(), Vec::new());
        for (number, size) in multipart.parts(size) {
            let found = sent
                .iter()
                .find(|part| part.part_number() == Some(number) && part.size() == Some(size));
            match found {
                Some(part) => parts.push(
                    CompletedPart::builder()
                        .part_number(number)
                        .set_e_tag(part.e_tag.clone())
                        .build(),
                ),
                None => missing.push(number),
            }
        }
        if !missing.is_empty() {
            return Ok(Completion::Missing(missing));
        }
        let completed = self
            .client()
            .complete_multipart_upload()
            .bucket(&location.bucket)
            .key(&location.key)
            .upload_id(&multipart.upload_id)
            .multipart_upload(
                CompletedMultipartUpload::builder()
                    .set_parts(Some(parts))
                    .build(),
            )
            .send()
            .await;
        match completed {
            Ok(_) => Ok(Completion::Whole),
            // An earlier attempt succeeded, but its answer was lost.
            Err(error) if is_over(&error) => self.is_there(access, location).await,
            Err(error) if error.code() == Some("InvalidPart") => Ok(Completion::Changed),
            Err(error) => Err(unreachable(&error)),
        }
    }

    async fn is_there<T>(
        &self,
        access: &Access<T>,
        location: &Location,
    ) -> Result<Completion, Error> {
        Ok(match self.arrived(access, location, None).await? {
            Some(_) => Completion::Whole,
            None => Completion::Aborted,
        })
    }

    /// Aborts the upload if it is still open. It discloses no data, so it needs no audit row.
    pub async fn abort(&self, location: &Location, multipart: &Multipart) -> Result<(), Error> {
        let aborted = self
            .client()
            .abort_multipart_upload()
            .bucket(&location.bucket)
            .key(&location.key)
            .upload_id(&multipart.upload_id)
            .send()
            .await;
        match aborted {
            Ok(_) => Ok(()),
            Err(error) if is_over(&error) => Ok(()),
            Err(error) => Err(unreachable(&error)),
        }
    }
}

/// Whether S3 has no such open upload, because it was completed or aborted.
fn is_over<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    error.code() == Some("NoSuchUpload")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_of_one_size_but_the_last() {
        let multipart = Multipart {
            upload_id: "upload".into(),
            part_size: 5,
        };
        let parts = |size| multipart.parts(size).collect::<Vec<_>>();
        assert_eq!(parts(12), [(1, 5), (2, 5), (3, 2)]);
        assert_eq!(parts(10), [(1, 5), (2, 5)]);
        assert_eq!(parts(6), [(1, 5), (2, 1)]);
    }
}

//! S3's multipart uploads, which large files use: beginning, completing and aborting one.

use std::iter;

use api::access::Access;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use errors::Error;
use sql::postgres::{Error as RowError, Row};

use crate::store::unreachable;
use crate::{FileType, Location, Store};

/// An upload in parts that was begun in S3. In a row: the columns `upload_id` and `part_size`.
#[derive(Clone, Debug)]
pub struct Multipart {
    /// S3's id of the upload.
    pub upload_id: String,
    /// The length in bytes of each part except the last, which has the rest.
    pub part_size: i64,
}

/// The result of completing an upload in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Completion {
    /// The object exists.
    Whole,
    /// The parts with these numbers were not sent, or have another length.
    Missing(Vec<i32>),
    /// A part was sent again during the request. No part is lost.
    Changed,
    /// S3 holds neither the parts nor the object.
    Aborted,
}

impl Multipart {
    /// Reads the upload from a row. Returns `None` if the file is not sent in parts.
    pub(crate) fn from_row(row: &Row) -> Result<Option<Self>, RowError> {
        let upload_id: Option<String> = row.try_get("upload_id")?;
        let part_size: Option<i64> = row.try_get("part_size")?;
        Ok(upload_id.zip(part_size).map(|(upload_id, part_size)| Self {
            upload_id,
            part_size,
        }))
    }

    /// The number and the length in bytes of each part of a file of `size` bytes.
    pub(crate) fn parts(&self, size: i64) -> impl Iterator<Item = (i32, i64)> {
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
    /// Begins an upload in parts. It costs storage until it is completed or aborted. The bucket's
    /// lifecycle rule aborts it after a day.
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
        let upload_id = begun.upload_id.ok_or(Error::Unavailable(
            "the answer of the file store lacks the upload's id",
        ))?;
        Ok(Multipart {
            upload_id,
            part_size,
        })
    }

    /// Makes one object of the parts, if all of them were sent. Repeating a completed upload is safe.
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
            Err(error) if is_over(&error) => return self.outcome(access, location).await,
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
            // An earlier attempt succeeded, and its answer was lost.
            Err(error) if is_over(&error) => self.outcome(access, location).await,
            Err(error) if error.code() == Some("InvalidPart") => Ok(Completion::Changed),
            Err(error) => Err(unreachable(&error)),
        }
    }

    /// Whether the upload ended with an object or without.
    async fn outcome<T>(
        &self,
        access: &Access<T>,
        location: &Location,
    ) -> Result<Completion, Error> {
        Ok(match self.arrived(access, location, None).await? {
            Some(_) => Completion::Whole,
            None => Completion::Aborted,
        })
    }

    /// Ends an upload without an object, if it has not ended. This reveals no data, so it needs no
    /// audit row.
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

/// Whether S3 reports that the upload doesn't exist, because it was completed or aborted.
fn is_over<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    error.code() == Some("NoSuchUpload")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_parts_but_the_last_have_the_same_size() {
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

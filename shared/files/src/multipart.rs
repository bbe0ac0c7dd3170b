//! Large files in parts: S3's multipart upload, from its beginning to its object or its end.

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

/// An upload in parts that S3 holds open. In a row: the columns `upload_id` and `part_size`.
#[derive(Clone, Debug)]
pub struct Multipart {
    /// S3's id of it.
    pub upload_id: String,
    /// Bytes of each part but the last, which has the rest.
    pub part_size: i64,
}

// Not Debug: while it lives, a signed URL is a secret.

/// How to send a part of a file.
#[derive(JsonSchema, Serialize)]
pub struct Part {
    /// Its place in the file, from 1.
    pub part_number: i32,
    /// How many bytes of the file it has.
    pub size: i64,
    /// The HTTP method.
    pub method: &'static str,
    /// Where to.
    pub url: String,
    /// The headers to send, these exactly: they are signed, so another length is refused. A browser
    /// sets `content-length` by itself.
    pub headers: BTreeMap<String, String>,
}

/// What became of an upload in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Completion {
    /// Its object is there.
    Whole,
    /// These parts are not there, or not of their size.
    Missing(Vec<i32>),
    /// One came again meanwhile; none is lost.
    Changed,
    /// S3 holds neither parts nor object.
    Aborted,
}

impl Multipart {
    /// Of a row, if it has one.
    pub(crate) fn from_row(row: &Row) -> Result<Option<Self>, RowError> {
        let upload_id: Option<String> = row.try_get("upload_id")?;
        let part_size: Option<i64> = row.try_get("part_size")?;
        Ok(upload_id.zip(part_size).map(|(upload_id, part_size)| Self {
            upload_id,
            part_size,
        }))
    }

    /// Number and size of each part of a file of `size` bytes.
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
    /// Begins an upload in parts. It costs storage until it is completed or aborted; the bucket's
    /// rule aborts it after a day.
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

    /// Signs the sending of each part of a file of `size` bytes, for its length.
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

    /// Makes one object of the parts that were sent, if they are all there. Doing it again is no
    /// harm.
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
            // An attempt whose answer was lost.
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

    /// Ends an upload without an object, if it has not ended. Nothing is learnt by it, so it needs no
    /// audit.
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

/// Whether S3 knows no such upload: it was completed, or aborted.
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

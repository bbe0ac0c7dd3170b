//! Signed URLs that send a file, in one piece or in parts.

use std::collections::BTreeMap;

use api::access::Access;
use aws_sdk_s3::presigning::PresignedRequest;
use domain::disclosure::Content;
use domain::file::FileMetadata;
use domain::ids::PatientId;
use domain::time::Timestamp;
use errors::Error;
use schemars::JsonSchema;
use serde::Serialize;
use sql::FromRow;
use sql::postgres::{Error as RowError, Row};

use crate::multipart::Multipart;
use crate::store::{EXAMPLE_URL, unbuildable};
use crate::{Declared, Location, Store, Window};

/// The signed headers that a client must send. The SDK also lists Lambda's trace id, which is not
/// signed and which a client doesn't need.
const SIGNED: [&str; 4] = [
    "content-length",
    "content-type",
    "if-none-match",
    "x-amz-checksum-sha256",
];

// None of these types is `Debug`, because a signed URL is a secret until it expires.

/// A file that is created and waits for the upload of its content.
#[derive(Serialize, JsonSchema)]
pub struct FileUpload {
    /// The metadata of the file.
    pub file: FileMetadata,
    /// The request that uploads the content of this file. Null in a response that repeats an earlier one
    /// (`idempotency-replayed`), because its URLs are secrets and are not kept.
    /// `POST /v1/files/{id}/upload` returns new ones.
    pub upload: Option<Upload>,
}

/// The file as it is read again for a repeated request.
impl FromRow for FileUpload {
    fn from_row(row: &Row) -> Result<Self, RowError> {
        Ok(Self {
            file: FileMetadata::from_row(row)?,
            upload: None,
        })
    }
}

impl Content for FileUpload {
    fn patients(&self) -> Vec<PatientId> {
        self.file.patients()
    }

    fn version(&self) -> Option<i32> {
        self.file.version()
    }
}

/// The request or requests that upload the content of a file.
#[derive(JsonSchema, Serialize)]
#[serde(untagged)]
pub enum Upload {
    /// The file is sent in one piece.
    Whole(WholeUpload),
    /// The file is large and is sent in parts.
    InParts(UploadInParts),
}

/// The request that uploads a file in one piece.
#[derive(JsonSchema, Serialize)]
pub struct WholeUpload {
    /// The HTTP method, always `PUT`.
    pub method: &'static str,
    /// The URL to send the file's bytes to. It is a secret until it expires.
    #[schemars(extend("format" = "uri", "examples" = [EXAMPLE_URL]))]
    pub url: String,
    /// The headers to send, exactly as given. They are part of the signature, so S3 refuses another
    /// type, length or hash, and with `if-none-match` a second upload. A browser sets `content-length` itself.
    pub headers: BTreeMap<String, String>,
    /// The time at which the URL expires. The upload must begin before.
    pub expires_at: Timestamp,
}

/// The requests that upload a large file in parts. Send the parts in any order, also in parallel, and then call
/// `POST /v1/files/{id}/complete`.
#[derive(JsonSchema, Serialize)]
pub struct UploadInParts {
    /// All parts of the file.
    pub parts: Vec<Part>,
    /// The time at which the URLs of the parts expire. The upload of each part must begin before.
    pub expires_at: Timestamp,
}

/// The request that uploads one part of a large file.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "UploadPart")]
pub struct Part {
    /// The position of this part in the file, counted from 1.
    #[schemars(range(min = 1, max = 1000))]
    pub part_number: i32,
    /// The length of this part in bytes. Part 1 begins at the first byte of the file, and each other
    /// part begins where the part before it ends.
    #[schemars(range(min = 1))]
    pub size: i64,
    /// The HTTP method, always `PUT`.
    pub method: &'static str,
    /// The URL to send this part's bytes to. It is a secret until it expires.
    pub url: String,
    /// The headers to send, exactly as given. They are part of the signature, so S3 refuses another
    /// length. A browser sets `content-length` itself.
    pub headers: BTreeMap<String, String>,
}

impl Store {
    /// Signs the upload of exactly the declared bytes, or of parts with the declared total length.
    pub async fn presign_upload<T>(
        &self,
        _access: &Access<T>,
        location: &Location,
        declared: &Declared,
        multipart: Option<&Multipart>,
        window: Window,
    ) -> Result<Upload, Error> {
        Ok(match multipart {
            None => Upload::Whole(self.upload(location, declared, window).await?),
            Some(multipart) => Upload::InParts(UploadInParts {
                parts: self
                    .sign_parts(location, multipart, declared.size, window)
                    .await?,
                expires_at: window.end(),
            }),
        })
    }

    async fn upload(
        &self,
        location: &Location,
        declared: &Declared,
        window: Window,
    ) -> Result<WholeUpload, Error> {
        let request = self
            .signer()
            .put_object()
            .bucket(&location.bucket)
            .key(&location.key)
            .content_type(declared.file_type.media_type())
            .content_length(declared.size)
            .checksum_sha256(declared.sha256.base64())
            // The URL uploads a file once. Nothing replaces an object, whoever learns the URL.
            .if_none_match("*")
            .presigned(window.presigning()?)
            .await
            .map_err(unbuildable)?;
        Ok(WholeUpload {
            method: "PUT",
            url: request.uri().to_owned(),
            headers: signed_headers(&request),
            expires_at: window.end(),
        })
    }

    /// Signs the upload of each part of a file of `size` bytes. Each signature is valid only for the
    /// length of its part.
    async fn sign_parts(
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
                .map_err(unbuildable)?;
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
}

fn signed_headers(request: &PresignedRequest) -> BTreeMap<String, String> {
    request
        .headers()
        .filter(|(name, _)| SIGNED.contains(name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FileType;
    use crate::store::tests::{FILE, OWNER, parameter, place, run, store};

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn an_upload_is_signed_for_the_declared_bytes_alone() {
        let store = store();
        let declared = Declared {
            file_type: FileType::Pdf,
            size: 1234,
            sha256: EMPTY.parse().unwrap(),
        };
        let before = Timestamp::now();
        let window = Window::of_upload(false);
        let upload = run(store.upload(&place(&store), &declared, window)).unwrap();

        let path =
            format!("https://caretrail-files.s3.eu-central-1.amazonaws.com/files/{OWNER}/{FILE}?");
        assert!(upload.url.starts_with(&path), "{}", upload.url);
        assert_eq!(upload.method, "PUT");
        assert_eq!(
            upload.headers,
            BTreeMap::from([
                ("content-length".into(), "1234".into()),
                ("content-type".into(), "application/pdf".into()),
                ("if-none-match".into(), "*".into()),
                (
                    "x-amz-checksum-sha256".into(),
                    "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".into()
                ),
            ])
        );
        assert_eq!(
            parameter(&upload.url, "X-Amz-SignedHeaders").unwrap(),
            "content-length;content-type;host;if-none-match;x-amz-checksum-sha256"
        );
        assert_eq!(parameter(&upload.url, "X-Amz-Expires").unwrap(), "300");
        let lasts = (upload.expires_at - before).num_seconds();
        assert!((298..=300).contains(&lasts), "{lasts} s");
    }

    #[test]
    fn parts_are_signed_for_their_lengths_for_an_hour() {
        let store = store();
        let multipart = Multipart {
            upload_id: "an upload".into(),
            part_size: 5,
        };
        let window = Window::of_upload(true);
        let parts = run(store.sign_parts(&place(&store), &multipart, 12, window)).unwrap();
        for (part, (number, size)) in parts.iter().zip([(1, "5"), (2, "5"), (3, "2")]) {
            assert_eq!((part.part_number, part.method), (number, "PUT"));
            assert_eq!(part.size.to_string(), size);
            assert_eq!(
                part.headers,
                BTreeMap::from([("content-length".into(), size.into())])
            );
            for (name, expected) in [
                ("partNumber", number.to_string().as_str()),
                ("uploadId", "an upload"),
                ("X-Amz-SignedHeaders", "content-length;host"),
                ("X-Amz-Expires", "3600"),
            ] {
                let found = parameter(&part.url, name);
                assert_eq!(found.as_deref(), Some(expected), "{name}");
            }
        }
        assert_eq!(parts.len(), 3);
    }
}

//! Signed URLs into the bucket and out of it.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use aws_sdk_s3::presigning::{PresignedRequest, PresigningConfig};
use chrono::{DateTime, SubsecRound as _, Utc};
use schemars::JsonSchema;
use serde::Serialize;
use shared::access::Access;
use shared::errors::Error;
use shared::ids::FileId;
use shared::target::Target;
use shared::time::Timestamp;

use crate::multipart::{Multipart, Part};
use crate::store::unsigned;
use crate::{Declared, FileType, Location, Store};

/// How long an upload may take to begin.
const UPLOAD_LIFETIME: Duration = Duration::from_secs(5 * 60);
/// The same for each of its parts, which are sent one after another.
const PART_LIFETIME: Duration = Duration::from_secs(60 * 60);
/// How long a download may take to begin: long enough to follow a link, too short to pass it on.
const DOWNLOAD_LIFETIME: Duration = Duration::from_secs(60);

/// The headers that bind an upload. The SDK adds Lambda's trace id, which it doesn't sign and which
/// is nothing to a client.
const SIGNED: [&str; 3] = ["content-length", "content-type", "x-amz-checksum-sha256"];

/// When a signed URL may be used.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    from: DateTime<Utc>,
    lasts: Duration,
}

const EXAMPLE_URL: &str = "https://files.example.org/files/OWNER/FILE?X-Amz-Signature=SIGNATURE";

// Neither Upload nor Download is Debug: while it lives, a signed URL is a secret.

/// How to send a file.
#[derive(JsonSchema, Serialize)]
#[serde(untagged)]
pub enum Upload {
    /// In one piece.
    Whole(WholeUpload),
    /// In parts, where it is large.
    InParts(UploadInParts),
}

/// How to send a file in one piece.
#[derive(JsonSchema, Serialize)]
pub struct WholeUpload {
    /// The HTTP method.
    pub method: &'static str,
    /// Where to.
    #[schemars(extend("format" = "uri", "examples" = [EXAMPLE_URL]))]
    pub url: String,
    /// The headers to send, these exactly: they are signed, so another type, length or hash is
    /// refused. A browser sets `content-length` by itself.
    pub headers: BTreeMap<String, String>,
    /// Until when.
    pub expires_at: Timestamp,
}

/// How to send a large file: its parts, in any order and side by side, and then
/// `POST /v1/files/{id}/complete`.
#[derive(JsonSchema, Serialize)]
pub struct UploadInParts {
    /// Every part of it.
    pub parts: Vec<Part>,
    /// Until when.
    pub expires_at: Timestamp,
}

/// How to fetch a file: `GET`.
#[derive(JsonSchema, Serialize)]
pub struct Download {
    /// Where from.
    #[schemars(extend("format" = "uri", "examples" = [EXAMPLE_URL]))]
    pub url: String,
    /// Until when.
    pub expires_at: Timestamp,
}

impl Store {
    /// Signs the sending of exactly the declared bytes, or of parts that are as many.
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

    /// Signs the fetching of a checked file, to be saved under its id as what it was checked to be:
    /// whatever headers it was stored with are overridden, and nothing is shown in place or guessed.
    /// It is the version that was checked, whatever was put over it since. The name it came with may
    /// be PHI, and a URL is logged on its way.
    pub async fn presign_download<T: Target>(
        &self,
        access: &mut Access<T>,
        location: &Location,
        version: Option<String>,
        file: FileId,
        file_type: FileType,
    ) -> Result<Download, Error> {
        access.discloses();
        self.download(location, version, file, file_type).await
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
            .presigned(window.presigning()?)
            .await
            .map_err(unsigned)?;
        Ok(WholeUpload {
            method: "PUT",
            url: request.uri().to_owned(),
            headers: signed_headers(&request),
            expires_at: window.end(),
        })
    }

    async fn download(
        &self,
        location: &Location,
        version: Option<String>,
        file: FileId,
        file_type: FileType,
    ) -> Result<Download, Error> {
        let window = Window::from_now(DOWNLOAD_LIFETIME);
        let request = self
            .signer()
            .get_object()
            .bucket(&location.bucket)
            .key(&location.key)
            .set_version_id(version)
            .response_content_disposition(format!(
                "attachment; filename=\"{file}.{}\"",
                file_type.extension()
            ))
            .response_content_type(file_type.served_as())
            // An uploader may have stored one, to make other bytes of the checked ones.
            .response_content_encoding("identity")
            .response_cache_control("private, no-store")
            .presigned(window.presigning()?)
            .await
            .map_err(unsigned)?;
        Ok(Download {
            url: request.uri().to_owned(),
            expires_at: window.end(),
        })
    }
}

impl Window {
    /// For an upload, in parts or not.
    pub fn of_upload(in_parts: bool) -> Self {
        Self::from_now(if in_parts {
            PART_LIFETIME
        } else {
            UPLOAD_LIFETIME
        })
    }

    fn from_now(lasts: Duration) -> Self {
        // Signatures count whole seconds.
        let from = Utc::now().trunc_subsecs(0);
        Self { from, lasts }
    }

    /// Until when.
    pub fn end(self) -> Timestamp {
        (self.from + self.lasts).into()
    }

    pub(crate) fn presigning(self) -> Result<PresigningConfig, Error> {
        PresigningConfig::builder()
            .start_time(SystemTime::from(self.from))
            .expires_in(self.lasts)
            .build()
            .map_err(unsigned)
    }
}

pub(crate) fn signed_headers(request: &PresignedRequest) -> BTreeMap<String, String> {
    request
        .headers()
        .filter(|(name, _)| SIGNED.contains(name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;

    use super::*;
    use crate::store::tests::{FILE, OWNER, place, store};

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn parameter(url: &str, name: &str) -> Option<String> {
        let (_, query) = url.split_once('?')?;
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let (_, value) = pairs.into_iter().find(|(found, _)| *found == name)?;
        Some(
            percent_decode_str(value)
                .decode_utf8()
                .unwrap()
                .into_owned(),
        )
    }

    fn run<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(work)
    }

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
                (
                    "x-amz-checksum-sha256".into(),
                    "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".into()
                ),
            ])
        );
        assert_eq!(
            parameter(&upload.url, "X-Amz-SignedHeaders").unwrap(),
            "content-length;content-type;host;x-amz-checksum-sha256"
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

    #[test]
    fn a_download_is_saved_as_what_it_was_checked_to_be() {
        let store = store();
        let download = run(store.download(
            &place(&store),
            Some("3/L4kqtJlcpXroDTDmJ".into()),
            FILE.parse().unwrap(),
            FileType::Text,
        ))
        .unwrap();
        for (name, expected) in [
            ("X-Amz-Expires", "60"),
            ("X-Amz-SignedHeaders", "host"),
            ("versionId", "3/L4kqtJlcpXroDTDmJ"),
            (
                "response-content-disposition",
                &format!("attachment; filename=\"{FILE}.txt\""),
            ),
            ("response-content-type", "text/plain; charset=utf-8"),
            ("response-content-encoding", "identity"),
            ("response-cache-control", "private, no-store"),
        ] {
            assert_eq!(
                parameter(&download.url, name).as_deref(),
                Some(expected),
                "{name}"
            );
        }
    }
}

//! The bucket: signed URLs into it and out of it, and the one pass over what arrived.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::sync::{LazyLock, OnceLock};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{BehaviorVersion, Region};
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata as _};
use aws_sdk_s3::presigning::{PresignedRequest, PresigningConfig};
use aws_sdk_s3::types::{Tag, Tagging};
use aws_sdk_s3::{Client, Config};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use schemars::JsonSchema;
use serde::Serialize;
use shared::access::Access;
use shared::config::{self, Misconfigured};
use shared::errors::Error;
use shared::ids::{FileId, UserId};
use shared::sql::FromRow;
use shared::sql::postgres::{Error as RowError, Row};
use shared::target::Target;

use crate::multipart::{Multipart, Part};
use crate::scanner::{Finding, Scanner};
use crate::{Declared, FileType, Inspection, Rejection, Verdict};

/// How long an upload may take to begin.
const UPLOAD_LIFETIME: Duration = Duration::from_secs(5 * 60);
/// The same for each of its parts, which are sent one after another.
const PART_LIFETIME: Duration = Duration::from_secs(60 * 60);
/// How long a download may take to begin: long enough to follow a link, too short to pass it on.
const DOWNLOAD_LIFETIME: Duration = Duration::from_secs(60);

/// The headers that bind an upload. The SDK adds Lambda's trace id, which it doesn't sign and which
/// is nothing to a client.
const SIGNED: [&str; 3] = ["content-length", "content-type", "x-amz-checksum-sha256"];

const PREFIX: &str = "files/";

/// The tag by which the bucket's rule knows the objects of archived files.
const ARCHIVED: &str = "archived";

/// The environment's store, made when first needed. Errors: the environment doesn't describe one.
pub fn store() -> Result<&'static Store, Error> {
    static STORE: LazyLock<Result<Store, Misconfigured>> = LazyLock::new(Store::from_env);
    STORE.as_ref().map_err(|misconfigured| {
        tracing::error!(error = %misconfigured, "no file store");
        Error::Internal("the file store is not configured")
    })
}

/// A bucket and the right to use it. Every use needs an [`Access`], so that it is audited.
pub struct Store {
    bucket: String,
    /// Without connections: only who asks S3 something pays for loading the system's trusted roots.
    signer: Client,
    client: OnceLock<Client>,
}

/// Where an object is. As a row: the columns `bucket` and `file_path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The bucket.
    pub bucket: String,
    /// The key within.
    pub key: String,
}

impl FromRow for Location {
    fn from_row(row: &Row) -> Result<Self, RowError> {
        Ok(Self {
            bucket: row.try_get("bucket")?,
            key: row.try_get("file_path")?,
        })
    }
}

/// When a signed URL may be used.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    from: Timestamp,
    lasts: Duration,
}

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
    pub url: String,
    /// Until when.
    pub expires_at: Timestamp,
}

/// An object that is there.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// Bytes.
    pub size: i64,
    /// Since when.
    pub at: Timestamp,
    /// Which content: an object may be replaced while it is looked at.
    tag: String,
    /// Which of its versions; none in a bucket that keeps none.
    pub version: Option<String>,
}

impl Arrived {
    /// Whether its entity tag is this one, quoted or not.
    pub(crate) fn is_tagged(&self, tag: &str) -> bool {
        self.tag.trim_matches('"') == tag.trim_matches('"')
    }
}

/// What the one pass over an object told.
pub(crate) struct Inspected {
    pub(crate) verdict: Verdict,
    pub(crate) finding: Finding,
}

impl Store {
    fn from_env() -> Result<Self, Misconfigured> {
        let credentials = Credentials::from_keys(
            config::required("AWS_ACCESS_KEY_ID")?,
            config::required("AWS_SECRET_ACCESS_KEY")?,
            config::optional("AWS_SESSION_TOKEN"),
        );
        Ok(Self::new(
            config::required("FILES_BUCKET")?,
            config::required("AWS_REGION")?,
            config::optional("S3_ENDPOINT"),
            credentials,
        ))
    }

    fn new(
        bucket: String,
        region: String,
        endpoint: Option<String>,
        credentials: Credentials,
    ) -> Self {
        let mut settings = Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(region))
            .credentials_provider(credentials)
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(Duration::from_secs(2))
                    .operation_attempt_timeout(Duration::from_secs(5))
                    .operation_timeout(Duration::from_secs(12))
                    .build(),
            )
            .retry_config(RetryConfig::standard().with_max_attempts(3));
        if let Some(endpoint) = endpoint {
            // S3 at an address of its own has no host name per bucket.
            settings = settings.endpoint_url(endpoint).force_path_style(true);
        }
        Self {
            bucket,
            signer: Client::from_conf(settings.build()),
            client: OnceLock::new(),
        }
    }

    /// Signs and can't send.
    pub(crate) fn signer(&self) -> &Client {
        &self.signer
    }

    pub(crate) fn client(&self) -> &Client {
        self.client.get_or_init(|| {
            let tls = Provider::Rustls(CryptoMode::AwsLc);
            let http = Builder::new().tls_provider(tls).build_https();
            let settings = self.signer.config().to_builder().http_client(http);
            Client::from_conf(settings.build())
        })
    }

    /// Where a new file goes. The key holds ids alone: names and contents stay out of S3's logs.
    pub fn place(&self, owner: UserId, file: FileId) -> Location {
        Location {
            bucket: self.bucket.clone(),
            key: format!("{PREFIX}{owner}/{file}"),
        }
    }

    /// The file that the object of an S3 event was announced as, by its key, which arrives encoded
    /// as in a form. None where the bucket or the key is not of this store.
    pub fn announced(&self, bucket: Option<&str>, key: Option<&str>) -> Option<(FileId, Location)> {
        let file = self.file_at(bucket?, key?);
        if file.is_none() {
            tracing::warn!("an object of no file");
        }
        file
    }

    fn file_at(&self, bucket: &str, key: &str) -> Option<(FileId, Location)> {
        let key = key.replace('+', " ");
        self.named(bucket, &percent_decode_str(&key).decode_utf8().ok()?)
    }

    /// The file whose object has this key, as it is.
    pub fn named(&self, bucket: &str, key: &str) -> Option<(FileId, Location)> {
        let (owner, file) = key.strip_prefix(PREFIX)?.split_once('/')?;
        let file = file.parse().ok()?;
        let location = self.place(owner.parse().ok()?, file);
        // One key for each file: no other spelling of its ids.
        (location.bucket == bucket && location.key == key).then_some((file, location))
    }

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
            .signer
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
        let window = Window::from_now(DOWNLOAD_LIFETIME)?;
        let request = self
            .signer
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

    /// What is at `location`, in this version or the current one, asked from S3 itself; none where
    /// nothing is.
    pub async fn arrived<T>(
        &self,
        _access: &Access<T>,
        location: &Location,
        version: Option<&str>,
    ) -> Result<Option<Arrived>, Error> {
        let answer = self
            .client()
            .head_object()
            .bucket(&location.bucket)
            .key(&location.key)
            .set_version_id(version.map(str::to_owned))
            .send()
            .await;
        let head = match answer {
            Ok(head) => head,
            Err(error) => {
                let status = error.raw_response().map(|answer| answer.status().as_u16());
                return match status {
                    // Nothing, or a version that says it was deleted.
                    Some(404 | 405) => Ok(None),
                    _ => Err(unreachable(&error)),
                };
            }
        };
        let at = head
            .last_modified
            .and_then(|at| Timestamp::new(at.secs(), 0).ok());
        match (head.content_length, at, head.e_tag) {
            (Some(size), Some(at), Some(tag)) => Ok(Some(Arrived {
                size,
                at,
                tag,
                version: head.version_id,
            })),
            _ => Err(Error::Unavailable("the file store answers incompletely")),
        }
    }

    /// Reads the whole object once, in bounded memory, for the inspection and the scanner alike.
    /// Errors: it can't be read to its end, was replaced since it `arrived`, or the scanner fails.
    pub(crate) async fn inspect<T>(
        &self,
        _access: &Access<T>,
        location: &Location,
        arrived: &Arrived,
        declared: &Declared,
        mut scanner: Box<dyn Scanner>,
    ) -> Result<Inspected, Error> {
        if arrived.size != declared.size {
            return Ok(Inspected {
                verdict: Verdict::Rejected(Rejection::SizeMismatch),
                finding: Finding::Unscanned,
            });
        }
        let mut object = self
            .client()
            .get_object()
            .bucket(&location.bucket)
            .key(&location.key)
            .set_version_id(arrived.version.clone())
            .if_match(&arrived.tag)
            .send()
            .await
            .map_err(|error| unreachable(&error))?;
        let mut inspection = Inspection::new(declared.file_type);
        while let Some(chunk) = object.body.next().await {
            let chunk = chunk.map_err(|error| unreachable(&error))?;
            inspection.read(&chunk);
            scanner.read(&chunk).await?;
        }
        Ok(Inspected {
            verdict: inspection.conclude(declared),
            finding: scanner.conclude().await?,
        })
    }

    /// Up to `most` files that have an object, from a place in the bucket on and then from its
    /// beginning, and how many objects among them are no file's.
    pub async fn listed<T>(
        &self,
        _access: &Access<T>,
        after: UserId,
        most: i32,
    ) -> Result<(Vec<FileId>, usize), Error> {
        let place = format!("{PREFIX}{after}");
        let mut files = Vec::new();
        let mut strange = 0;
        for after in [Some(place.as_str()), None] {
            let listing = self
                .client()
                .list_objects_v2()
                .bucket(&self.bucket)
                .prefix(PREFIX)
                .set_start_after(after.map(str::to_owned))
                .max_keys(most)
                .send()
                .await
                .map_err(|error| unreachable(&error))?;
            for object in listing.contents() {
                let key = object.key().unwrap_or_default();
                match self.named(&self.bucket, key) {
                    Some((file, _)) => files.push(file),
                    None => strange += 1,
                }
            }
            if listing.is_truncated() == Some(true) {
                break;
            }
        }
        files.sort_unstable();
        files.dedup();
        Ok((files, strange))
    }

    /// Marks the object of an archived file, in this version or the current one, for the bucket's rule
    /// to move it to cheaper storage; it stays. False where it is gone.
    ///
    /// Tags are read and put as a whole: one that another puts in between is lost. S3 has no
    /// condition against it.
    pub async fn mark_archived<T>(
        &self,
        _access: &Access<T>,
        location: &Location,
        version: Option<&str>,
    ) -> Result<bool, Error> {
        let version = version.map(str::to_owned);
        let there = self
            .client()
            .get_object_tagging()
            .bucket(&location.bucket)
            .key(&location.key)
            .set_version_id(version.clone())
            .send()
            .await;
        // A new set replaces the one before: a scanner's tag, which the bucket's policy asks, stays.
        let mut tags = match there {
            Ok(there) => there.tag_set,
            Err(error) => {
                return match error.code() {
                    Some("NoSuchKey" | "NoSuchVersion") => Ok(false),
                    _ => Err(unreachable(&error)),
                };
            }
        };
        tags.retain(|tag| tag.key() != ARCHIVED);
        let archived = Tag::builder().key(ARCHIVED).value("true").build();
        tags.push(archived.map_err(unsigned)?);
        let tags = Tagging::builder().set_tag_set(Some(tags)).build();
        self.client()
            .put_object_tagging()
            .bucket(&location.bucket)
            .key(&location.key)
            .set_version_id(version)
            .tagging(tags.map_err(unsigned)?)
            .send()
            .await
            .map_err(|error| unreachable(&error))?;
        Ok(true)
    }
}

impl Window {
    /// For an upload, in parts or not.
    pub fn of_upload(in_parts: bool) -> Result<Self, Error> {
        Self::from_now(if in_parts {
            PART_LIFETIME
        } else {
            UPLOAD_LIFETIME
        })
    }

    fn from_now(lasts: Duration) -> Result<Self, Error> {
        // Signatures count whole seconds.
        let from = Timestamp::from_second(Timestamp::now().as_second()).map_err(unsigned)?;
        Ok(Self { from, lasts })
    }

    /// Until when.
    pub fn end(self) -> Timestamp {
        self.from + self.lasts
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

pub(crate) fn unsigned(error: impl StdError) -> Error {
    tracing::error!(error = %DisplayErrorContext(&error), "a URL was not signed");
    Error::Internal("a URL was not signed")
}

/// Says in the log what failed; buckets and keys in it are no patient data.
pub(crate) fn unreachable(error: &(impl StdError + 'static)) -> Error {
    tracing::warn!(error = %DisplayErrorContext(error), "S3 failed");
    Error::Unavailable("the file store can't be reached")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: &str = "0190a5b0-0000-7000-8000-000000000001";
    const FILE: &str = "0190a5b0-0000-7000-8000-000000000002";
    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn store() -> Store {
        let credentials = Credentials::from_keys("key", "secret", Some("session".into()));
        Store::new(
            "caretrail-files".into(),
            "eu-central-1".into(),
            None,
            credentials,
        )
    }

    fn place(store: &Store) -> Location {
        store.place(OWNER.parse().unwrap(), FILE.parse().unwrap())
    }

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
        let window = Window::of_upload(false).unwrap();
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
        let lasts = upload.expires_at.duration_since(before).as_secs();
        assert!((298..=300).contains(&lasts), "{lasts} s");
    }

    #[test]
    fn parts_are_signed_for_their_lengths_for_an_hour() {
        let store = store();
        let multipart = Multipart {
            upload_id: "an upload".into(),
            part_size: 5,
        };
        let window = Window::of_upload(true).unwrap();
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

    #[test]
    fn an_event_names_a_file_only_by_its_one_key() {
        let store = store();
        let bucket = "caretrail-files";
        let key = format!("files/{OWNER}/{FILE}");
        let expected = Some((FILE.parse().unwrap(), place(&store)));
        assert_eq!(store.announced(Some(bucket), Some(&key)), expected);
        let encoded = key.replace('-', "%2D").replace('/', "%2F");
        assert_eq!(store.announced(Some(bucket), Some(&encoded)), expected);

        for other in [
            "",
            "files/",
            FILE,
            &format!("files/{OWNER}"),
            &format!("files/{OWNER}/{FILE}/"),
            &format!("files/{OWNER}/{FILE}.pdf"),
            &format!("files/{OWNER}/+{FILE}"),
            &format!("files/{OWNER}/{}", FILE.replace('-', "")),
            &format!(
                "files/{OWNER}/{}",
                FILE.to_uppercase().replace("0190A5B0", "0190A5b0")
            ),
            &format!("other/{OWNER}/{FILE}"),
            &format!("/files/{OWNER}/{FILE}"),
            "files/%FF/%00",
        ] {
            assert_eq!(store.announced(Some(bucket), Some(other)), None, "{other}");
        }
        assert_eq!(store.announced(Some("elsewhere"), Some(&key)), None);
        assert_eq!(store.announced(None, Some(&key)), None);
        assert_eq!(store.announced(Some(bucket), None), None);
    }
}

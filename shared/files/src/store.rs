//! The S3 bucket: its clients, its settings, and the mapping between files and keys.

use std::error::Error as StdError;
use std::sync::OnceLock;
use std::time::Duration;

use api::input::FromSettings;
use aws_credential_types::Credentials;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{BehaviorVersion, Region};
use aws_sdk_s3::error::DisplayErrorContext;
use aws_sdk_s3::{Client, Config};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use domain::ids::{FileId, UserId};
use errors::Error;
use percent_encoding::percent_decode_str;
use settings::Misconfigured;
use sql::FromRow;
use sql::postgres::{Error as RowError, Row};

/// The example of a signed URL in the API's document.
pub(crate) const EXAMPLE_URL: &str =
    "https://files.example.org/files/OWNER/FILE?X-Amz-Signature=SIGNATURE";

/// The prefix of the keys of all files.
pub(crate) const PREFIX: &str = "files/";

/// The bucket of the files. Methods that read objects or sign URLs take an
/// [`Access`](api::access::Access), so that each use is audited.
pub struct Store {
    pub(crate) bucket: String,
    /// A client without an HTTP connector. Signing needs no connection, and loading the system's
    /// trusted root certificates is slow.
    signer: Client,
    client: OnceLock<Client>,
}

/// Where an object is stored. In a row: the columns `bucket` and `file_path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The name of the bucket.
    pub bucket: String,
    /// The key of the object in the bucket.
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

impl FromSettings for Store {
    fn from_settings() -> Result<Self, Misconfigured> {
        let credentials = Credentials::from_keys(
            settings::required("AWS_ACCESS_KEY_ID")?,
            settings::required("AWS_SECRET_ACCESS_KEY")?,
            settings::optional("AWS_SESSION_TOKEN"),
        );
        Ok(Self::new(
            settings::required("FILES_BUCKET")?,
            settings::required("AWS_REGION")?,
            settings::optional("S3_ENDPOINT"),
            credentials,
        ))
    }
}

impl Store {
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
            // Only Amazon's own endpoint has a host name for each bucket.
            settings = settings.endpoint_url(endpoint).force_path_style(true);
        }
        Self {
            bucket,
            signer: Client::from_conf(settings.build()),
            client: OnceLock::new(),
        }
    }

    /// A client that can sign requests and can't send them.
    pub(crate) fn signer(&self) -> &Client {
        &self.signer
    }

    /// A client that sends requests.
    pub(crate) fn client(&self) -> &Client {
        self.client.get_or_init(|| {
            let tls = Provider::Rustls(CryptoMode::AwsLc);
            let http = Builder::new().tls_provider(tls).build_https();
            let settings = self.signer.config().to_builder().http_client(http);
            Client::from_conf(settings.build())
        })
    }

    /// The location of a new file. The key holds only ids, so that no name appears in S3's logs.
    pub fn place(&self, owner: UserId, file: FileId) -> Location {
        Location {
            bucket: self.bucket.clone(),
            key: format!("{PREFIX}{owner}/{file}"),
        }
    }

    /// The file that an S3 event is about. The key in an event is encoded like a form field. Returns
    /// `None` if the bucket is another one or the key names no file.
    pub fn announced(&self, bucket: Option<&str>, key: Option<&str>) -> Option<(FileId, Location)> {
        let file = self.file_at(bucket?, key?);
        if file.is_none() {
            tracing::warn!("an S3 event is about an object whose key names no file");
        }
        file
    }

    fn file_at(&self, bucket: &str, key: &str) -> Option<(FileId, Location)> {
        let key = key.replace('+', " ");
        self.named(bucket, &percent_decode_str(&key).decode_utf8().ok()?)
    }

    /// The file whose object has this key, which is not encoded. Returns `None` as
    /// [`announced`](Self::announced) does.
    pub fn named(&self, bucket: &str, key: &str) -> Option<(FileId, Location)> {
        let (owner, file) = key.strip_prefix(PREFIX)?.split_once('/')?;
        let file = file.parse().ok()?;
        let location = self.place(owner.parse().ok()?, file);
        // Each file has exactly one key, so other spellings of its ids are refused.
        (location.bucket == bucket && location.key == key).then_some((file, location))
    }
}

/// Logs why a request could not be built or signed.
pub(crate) fn unbuildable(error: impl StdError) -> Error {
    tracing::error!(error = %DisplayErrorContext(&error), "an S3 request could not be built or signed");
    Error::Internal("an S3 request could not be built or signed")
}

/// Logs why S3 did not do what was asked. The error may name a bucket or a key, which hold no patient
/// data.
pub(crate) fn unreachable(error: &(impl StdError + 'static)) -> Error {
    tracing::warn!(error = %DisplayErrorContext(error), "a request to S3 failed");
    Error::Unavailable("the file store can't be reached")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const OWNER: &str = "0190a5b0-0000-7000-8000-000000000001";
    pub(crate) const FILE: &str = "0190a5b0-0000-7000-8000-000000000002";

    pub(crate) fn store() -> Store {
        let credentials = Credentials::from_keys("key", "secret", Some("session".into()));
        Store::new(
            "caretrail-files".into(),
            "eu-central-1".into(),
            None,
            credentials,
        )
    }

    pub(crate) fn place(store: &Store) -> Location {
        store.place(OWNER.parse().unwrap(), FILE.parse().unwrap())
    }

    /// A query parameter of a signed URL, decoded.
    pub(crate) fn parameter(url: &str, name: &str) -> Option<String> {
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

    pub(crate) fn run<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(work)
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

//! The bucket: how it is reached, and which key is which file's.

use std::error::Error as StdError;
use std::sync::{LazyLock, OnceLock};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{BehaviorVersion, Region};
use aws_sdk_s3::error::DisplayErrorContext;
use aws_sdk_s3::{Client, Config};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use percent_encoding::percent_decode_str;
use shared::config::{self, Misconfigured};
use shared::errors::Error;
use shared::ids::{FileId, UserId};
use shared::sql::FromRow;
use shared::sql::postgres::{Error as RowError, Row};

pub(crate) const PREFIX: &str = "files/";

/// The environment's store, made when first needed. Errors: the environment doesn't describe one.
pub fn store() -> Result<&'static Store, Error> {
    static STORE: LazyLock<Result<Store, Misconfigured>> = LazyLock::new(Store::from_env);
    STORE.as_ref().map_err(|misconfigured| {
        tracing::error!(error = %misconfigured, "no file store");
        Error::Internal("the file store is not configured")
    })
}

/// A bucket and the right to use it. Every use needs an [`Access`](shared::access::Access), so that it is audited.
pub struct Store {
    pub(crate) bucket: String,
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

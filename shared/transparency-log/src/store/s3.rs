//! A log in a bucket of S3.

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_credential_types::Credentials;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{BehaviorVersion, Region};
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::put_object::PutObjectError;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::types::ObjectLockMode;
use aws_sdk_s3::{Client, Config};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use bytes::Bytes;

use super::{After, Creation, Object, ObjectStore, Version, Versions};
use crate::Failure;

/// A store in a bucket, below a prefix. The bucket must have versioning and Object Lock, or nothing is locked.
pub struct S3 {
    client: Client,
    bucket: String,
    prefix: String,
    locks: bool,
}

impl S3 {
    /// The store in this bucket. `prefix` begins all keys, such as `audit/`, and may be empty. `endpoint` is the URL of
    /// another service than Amazon's. `locks` says whether the bucket has Object Lock.
    pub fn new(
        bucket: String,
        prefix: String,
        region: String,
        endpoint: Option<String>,
        credentials: Credentials,
        locks: bool,
    ) -> Self {
        let tls = Provider::Rustls(CryptoMode::AwsLc);
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
            .retry_config(RetryConfig::standard().with_max_attempts(3))
            .http_client(Builder::new().tls_provider(tls).build_https());
        if let Some(endpoint) = endpoint {
            // Only Amazon's own endpoint has a host name for each bucket.
            settings = settings.endpoint_url(endpoint).force_path_style(true);
        }
        Self {
            client: Client::from_conf(settings.build()),
            bucket,
            prefix,
            locks,
        }
    }

    /// Deletes all versions and delete markers of the objects with this prefix. Returns how many there were. Repeating it
    /// is safe. Errors: S3 didn't delete one, for example because it is locked. Those before it are deleted.
    pub async fn delete_versions(&self, prefix: &str) -> Result<usize, Failure> {
        let mut deleted = 0;
        loop {
            let list = self.client.list_object_versions().bucket(&self.bucket);
            let listed = list.prefix(self.key(prefix)).send().await;
            let listed = listed.map_err(failure)?;
            let versions = listed.versions().iter();
            let versions = versions.map(|found| (found.key(), found.version_id()));
            let markers = listed.delete_markers().iter();
            let markers = markers.map(|found| (found.key(), found.version_id()));
            let before = deleted;
            for (key, version) in versions.chain(markers) {
                let delete = self.client.delete_object().bucket(&self.bucket);
                let delete = delete
                    .set_key(key.map(str::to_owned))
                    .set_version_id(version.map(str::to_owned));
                delete.send().await.map_err(failure)?;
                deleted += 1;
            }
            if deleted == before {
                return Ok(deleted);
            }
        }
    }

    fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    fn putting(&self, key: &str, bytes: Bytes) -> PutObjectFluentBuilder {
        let put = self.client.put_object().bucket(&self.bucket);
        put.key(self.key(key)).body(bytes.into())
    }

    /// The key of the log in a key of the bucket.
    fn own(&self, key: Option<&str>) -> Option<String> {
        key?.strip_prefix(&self.prefix).map(str::to_owned)
    }
}

#[async_trait]
impl ObjectStore for S3 {
    async fn get(&self, key: &str) -> Result<Option<Object>, Failure> {
        let get = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(self.key(key));
        let got = match get.send().await {
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_no_such_key()) =>
            {
                return Ok(None);
            }
            got => got.map_err(failure)?,
        };
        Ok(Some(Object {
            tag: got.e_tag.unwrap_or_default(),
            bytes: got.body.collect().await?.into_bytes(),
        }))
    }

    async fn get_range(
        &self,
        key: &str,
        offset: u64,
        length: u64,
    ) -> Result<Option<Bytes>, Failure> {
        let last = offset.saturating_add(length).saturating_sub(1);
        let get = self.client.get_object().bucket(&self.bucket);
        let get = get
            .key(self.key(key))
            .range(format!("bytes={offset}-{last}"));
        match get.send().await {
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_no_such_key()) =>
            {
                Ok(None)
            }
            got => Ok(Some(
                got.map_err(failure)?.body.collect().await?.into_bytes(),
            )),
        }
    }

    async fn create(
        &self,
        key: &str,
        bytes: Bytes,
        lock_until: Option<SystemTime>,
    ) -> Result<Creation, Failure> {
        let mut put = self.putting(key, bytes).if_none_match("*");
        if let Some(until) = lock_until.filter(|_| self.locks) {
            put = put.object_lock_mode(ObjectLockMode::Compliance);
            put = put.object_lock_retain_until_date(until.into());
        }
        Ok(match on_condition(put.send().await)? {
            true => Creation::Created,
            false => Creation::Exists,
        })
    }

    async fn put(&self, key: &str, bytes: Bytes) -> Result<(), Failure> {
        self.putting(key, bytes).send().await.map_err(failure)?;
        Ok(())
    }

    async fn replace(&self, key: &str, tag: &str, bytes: Bytes) -> Result<bool, Failure> {
        on_condition(self.putting(key, bytes).if_match(tag).send().await)
    }

    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Vec<String>, Failure> {
        let list = self.client.list_objects_v2().bucket(&self.bucket);
        let list = list
            .prefix(self.key(prefix))
            .set_start_after(after.map(|after| self.key(after)));
        let listed = list.send().await.map_err(failure)?;
        let objects = listed.contents().iter();
        Ok(objects
            .filter_map(|object| self.own(object.key()))
            .collect())
    }

    async fn versions(&self, prefix: &str, after: Option<&After>) -> Result<Versions, Failure> {
        let list = self.client.list_object_versions().bucket(&self.bucket);
        let listed = list
            .prefix(self.key(prefix))
            .set_key_marker(after.map(|after| self.key(&after.key)))
            .set_version_id_marker(after.and_then(|after| after.id.clone()))
            .send()
            .await
            .map_err(failure)?;
        let version =
            |key: Option<&str>, is_marker| self.own(key).map(|key| Version { key, is_marker });
        let stored = listed
            .versions()
            .iter()
            .filter_map(|found| version(found.key(), false));
        let markers = listed.delete_markers().iter();
        let markers = markers.filter_map(|found| version(found.key(), true));
        let mut versions: Vec<_> = stored.chain(markers).collect();
        versions.sort_by(|left, right| left.key.cmp(&right.key));
        let next = self.own(listed.next_key_marker()).map(|key| After {
            key,
            id: listed.next_version_id_marker().map(str::to_owned),
        });
        Ok(Versions { versions, next })
    }
}

/// Whether a conditional request stored its object. Errors: it failed for another reason than its condition.
fn on_condition<T>(sent: Result<T, SdkError<PutObjectError>>) -> Result<bool, Failure> {
    match sent {
        Ok(_) => Ok(true),
        // If an object that is to be replaced is absent, S3 answers 404.
        Err(error) if matches!(error.code(), Some("PreconditionFailed" | "NoSuchKey")) => Ok(false),
        Err(error) => Err(failure(error)),
    }
}

/// The error with its causes. It names bucket and key, which hold no secret.
fn failure<E: std::error::Error + Send + Sync + 'static>(error: E) -> Failure {
    DisplayErrorContext(error).to_string().into()
}

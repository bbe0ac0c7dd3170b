//! The operations of S3: adds versions, Object Lock, tags and separate uploads in parts to s3s-fs, which handles
//! bytes, checksums and metadata.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Extensions, HeaderMap, Method, Uri};
use s3s::dto::*;
use s3s::{S3, S3Error, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;
use serde_json::{Value, json};

use super::locks::{self, Lock, Locked};
use super::notification::Created;
use super::tags::{self, Tags};
use super::uploads::{self, Upload, Uploads};
use super::versions::{self, FOLDER, Place, Versions};

type Answer<T> = S3Result<S3Response<T>>;

/// Receives the S3 event of each new object.
pub type OnCreated = Box<dyn Fn(Value) + Send + Sync>;

/// Buckets with versioning, in a folder.
pub struct Store {
    /// The current versions, for listings.
    current: FileSystem,
    /// All versions, each an object whose key ends with its version's id.
    kept: FileSystem,
    /// The folder of the versions, and of what s3s-fs stores about each.
    folder: PathBuf,
    versions: Arc<Versions>,
    uploads: Uploads,
    /// The buckets with Object Lock.
    locking: BTreeSet<String>,
    /// Held while a finished write looks for the object that it must not find, and becomes it. Also held while a
    /// version's lock is compared with what the request does to it.
    publishing: tokio::sync::Mutex<()>,
    created: OnCreated,
}

impl Store {
    /// Serves the folders in `root` as buckets with `versions`. `created` gets the S3 event of each new
    /// object before its writer gets the answer.
    pub fn new(
        root: &Path,
        versions: Arc<Versions>,
        locking: BTreeSet<String>,
        created: OnCreated,
    ) -> anyhow::Result<Self> {
        let kept = root.join(FOLDER);
        fs::create_dir_all(&kept)?;
        let files = |folder: &Path| {
            FileSystem::new(folder)
                .map_err(|error| anyhow::anyhow!("{}: {error:?}", folder.display()))
        };
        Ok(Self {
            current: files(root)?,
            kept: files(&kept)?,
            folder: kept,
            versions,
            uploads: Uploads::new(root)?,
            locking,
            publishing: tokio::sync::Mutex::default(),
            created,
        })
    }

    /// Shows a version that is complete as the object's latest, and sends its event. Errors: the object must be absent
    /// and isn't. Then nothing of the version remains.
    async fn publish(&self, new: New<'_>) -> S3Result<()> {
        let New { place, version, .. } = new;
        let _turn = self.publishing.lock().await;
        if new.must_be_absent
            && let Err(refused) = self.check_absent(place, version)
        {
            self.discard(place, version);
            return Err(refused);
        }
        if let Some(expected) = new.must_match
            && let Err(refused) = self.check_current(place, expected)
        {
            self.discard(place, version);
            return Err(refused);
        }
        if let Some(lock) = new.lock {
            self.locked(place, version).write(lock)?;
        }
        self.versions.show(place, version).map_err(internal)?;
        self.versions.link(place).map_err(internal)?;
        let file = fs::metadata(self.versions.path(place, version)).map_err(internal)?;
        let created = Created {
            place,
            version,
            e_tag: new.e_tag.map_or("", ETag::value),
            size: file.len(),
            in_parts: new.in_parts,
        };
        if let Some(peer) = new.peer {
            (self.created)(created.event(peer));
        }
        Ok(())
    }

    /// Checks that there is no object, which a delete marker doesn't count as. Errors: there is one, or it was deleted
    /// while this version was written.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>
    fn check_absent(&self, place: &Place, version: &str) -> S3Result<()> {
        if self.versions.current(place).map_err(internal)?.is_some() {
            return Err(s3_error!(PreconditionFailed));
        }
        let latest = self.versions.all(place).map_err(internal)?.pop();
        match latest.is_some_and(|latest| latest.id.as_str() > version) {
            true => Err(s3_error!(ConditionalRequestConflict)),
            false => Ok(()),
        }
    }

    /// Removes what was written of a version that is still hidden.
    fn discard(&self, place: &Place, version: &str) {
        let content = self.versions.path(place, version);
        let _ = fs::remove_file(&content);
        // While the content is there, it stays hidden.
        if !content.exists() {
            let _ = self.versions.show(place, version);
        }
    }

    /// The lock that a request asks for. Errors: the bucket has no Object Lock, or the lock isn't valid.
    fn asked_lock(
        &self,
        bucket: &str,
        mode: Option<&ObjectLockMode>,
        until: Option<&Timestamp>,
        hold: Option<&ObjectLockLegalHoldStatus>,
    ) -> S3Result<Option<Lock>> {
        if mode.is_some() || until.is_some() || hold.is_some() {
            self.check_locking(bucket)?;
        }
        Lock::asked(mode, until, hold)
    }

    fn check_locking(&self, bucket: &str) -> S3Result<()> {
        match self.locking.contains(bucket) {
            true => Ok(()),
            false => Err(s3_error!(
                InvalidRequest,
                "Bucket is missing Object Lock Configuration"
            )),
        }
    }

    fn locked(&self, place: &Place, version: &str) -> Locked {
        Locked::of(&self.versions, place, version)
    }

    /// Changes the lock of a version.
    async fn relock(
        &self,
        (bucket, key, version): (&str, &str, Option<&str>),
        change: impl FnOnce(&mut Lock) -> S3Result<()>,
    ) -> S3Result<()> {
        self.check_locking(bucket)?;
        let (place, version) = self.find(bucket, key, version)?;
        let _turn = self.publishing.lock().await;
        let locked = self.locked(&place, &version);
        let mut lock = locked.read()?;
        change(&mut lock)?;
        locked.write(&lock)
    }

    /// The lock of a version.
    fn lock(&self, bucket: &str, key: &str, version: Option<&str>) -> S3Result<Lock> {
        self.check_locking(bucket)?;
        let (place, version) = self.find(bucket, key, version)?;
        self.locked(&place, &version).read()
    }

    /// The place and the version that a request is about.
    fn find(&self, bucket: &str, key: &str, asked: Option<&str>) -> S3Result<(Place, String)> {
        let place = self.versions.place(bucket, key)?;
        let version = self.versions.find(&place, asked)?;
        Ok((place, version))
    }

    /// The parts that came, by part number.
    async fn parts(&self, upload: &Upload) -> S3Result<Vec<Part>> {
        let input = ListPartsInput {
            bucket: upload.bucket.clone(),
            key: upload.key.clone(),
            upload_id: upload.id.clone(),
            ..Default::default()
        };
        let there = self.kept.list_parts(about(input)).await?.output.parts;
        let mut e_tags = self.uploads.e_tags(upload)?;
        let mut parts = Vec::new();
        for mut part in there.unwrap_or_default() {
            let e_tag = part.part_number.and_then(|number| e_tags.remove(&number));
            // A part without an entity tag is still on its way.
            if e_tag.is_some() {
                part.e_tag = e_tag.map(ETag::Strong);
                parts.push(part);
            }
        }
        parts.sort_by_key(|part| part.part_number);
        Ok(parts)
    }

    /// The entity tag of a version, if it is stored.
    /// Errors: the object isn't there or has another ETag.
    fn check_current(&self, place: &Place, expected: &IfMatch) -> S3Result<()> {
        match self.versions.current(place).map_err(internal)? {
            Some(version) => matches(Some(expected), self.e_tag(place, &version)?.as_ref()),
            None => Err(s3_error!(NoSuchKey)),
        }
    }

    fn e_tag(&self, place: &Place, version: &str) -> S3Result<Option<ETag>> {
        let known = match fs::read(self.known(place, version)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(internal)?,
        };
        let known: Value =
            serde_json::from_slice(&known).map_err(|error| internal(error.into()))?;
        Ok(known["e_tag"]
            .as_str()
            .map(|tag| ETag::Strong(tag.to_owned())))
    }

    /// The file in which s3s-fs stores the entity tag of a version.
    fn known(&self, place: &Place, version: &str) -> PathBuf {
        let [bucket, key] =
            [&place.bucket, &place.kept(version)].map(|name| URL_SAFE_NO_PAD.encode(name));
        let known = format!(".bucket-{bucket}.object-{key}.internal.json");
        self.folder.join(known)
    }

    /// Stores the entity tag of a version that was put on disk without this API, where s3s-fs stores
    /// those of the others. Otherwise s3s-fs reads the whole content for each request.
    fn keep_e_tag(&self, place: &Place, version: &str, e_tag: Option<&ETag>) -> S3Result<()> {
        let known = self.known(place, version);
        match e_tag {
            Some(e_tag) if !known.exists() => {
                let content = json!({"e_tag": e_tag.value()}).to_string();
                uploads::write(&known, content.as_bytes())
            }
            _ => Ok(()),
        }
    }

    fn tags(&self, place: &Place, version: &str) -> Tags {
        Tags::of(&self.versions, place, version)
    }
}

/// A version that is complete and hidden.
struct New<'a> {
    place: &'a Place,
    version: &'a str,
    e_tag: Option<&'a ETag>,
    lock: Option<&'a Lock>,
    /// Whether it becomes the object only if there is none.
    must_be_absent: bool,
    /// The ETag that the object must have.
    must_match: Option<&'a IfMatch>,
    in_parts: bool,
    peer: Option<SocketAddr>,
}

#[async_trait]
impl S3 for Store {
    async fn head_bucket(&self, request: S3Request<HeadBucketInput>) -> Answer<HeadBucketOutput> {
        self.current.head_bucket(request).await
    }

    async fn list_buckets(
        &self,
        request: S3Request<ListBucketsInput>,
    ) -> Answer<ListBucketsOutput> {
        self.current.list_buckets(request).await
    }

    async fn list_objects_v2(
        &self,
        mut request: S3Request<ListObjectsV2Input>,
    ) -> Answer<ListObjectsV2Output> {
        request.input.max_keys = Some(page(request.input.max_keys)?);
        self.current.list_objects_v2(request).await
    }

    async fn put_object(&self, mut request: S3Request<PutObjectInput>) -> Answer<PutObjectOutput> {
        let lock = self.asked_lock(
            &request.input.bucket,
            request.input.object_lock_mode.as_ref(),
            request.input.object_lock_retain_until_date.as_ref(),
            request.input.object_lock_legal_hold_status.as_ref(),
        )?;
        if lock.is_some() {
            locks::check_checksum(&request.headers)?;
        }
        let input = &mut request.input;
        let must_be_absent = must_be_absent(input.if_none_match.take())?;
        if input.tagging.is_some() {
            return Err(s3_error!(NotImplemented));
        }
        let expected = input.if_match.take();
        let place = self.versions.place(&input.bucket, &input.key)?;
        // A file put there without this API becomes an older version.
        let former = self.versions.current(&place).map_err(internal)?;
        if must_be_absent && former.is_some() {
            return Err(s3_error!(PreconditionFailed));
        }
        let version = versions::later();
        self.versions.stage(&place, &version).map_err(internal)?;
        input.key = place.kept(&version);
        let peer = peer(&request);
        let mut answer = match self.kept.put_object(request).await {
            Ok(answer) => answer,
            Err(error) => {
                // s3s-fs compares some checksums only after it has stored the content.
                self.discard(&place, &version);
                return Err(error);
            }
        };
        self.publish(New {
            place: &place,
            version: &version,
            e_tag: answer.output.e_tag.as_ref(),
            lock: lock.as_ref(),
            must_be_absent,
            must_match: expected.as_ref(),
            in_parts: false,
            peer,
        })
        .await?;
        answer.output.version_id = Some(version);
        Ok(answer)
    }

    async fn get_object(&self, mut request: S3Request<GetObjectInput>) -> Answer<GetObjectOutput> {
        let input = &mut request.input;
        let (place, version) = self.find(&input.bucket, &input.key, input.version_id.as_deref())?;
        input.key = place.kept(&version);
        let condition = input.if_match.take();
        let mut answer = self.kept.get_object(request).await?;
        self.keep_e_tag(&place, &version, answer.output.e_tag.as_ref())?;
        matches(condition.as_ref(), answer.output.e_tag.as_ref())?;
        let lock = self.locked(&place, &version).read()?;
        answer.output.object_lock_mode = lock.mode();
        answer.output.object_lock_retain_until_date = lock.until();
        answer.output.object_lock_legal_hold_status = lock.hold_status();
        answer.output.version_id = Some(version);
        Ok(answer)
    }

    async fn head_object(
        &self,
        mut request: S3Request<HeadObjectInput>,
    ) -> Answer<HeadObjectOutput> {
        let input = &mut request.input;
        let (place, version) = self.find(&input.bucket, &input.key, input.version_id.as_deref())?;
        input.key = place.kept(&version);
        let condition = input.if_match.take();
        let mut answer = self.kept.head_object(request).await?;
        self.keep_e_tag(&place, &version, answer.output.e_tag.as_ref())?;
        matches(condition.as_ref(), answer.output.e_tag.as_ref())?;
        let lock = self.locked(&place, &version).read()?;
        answer.output.object_lock_mode = lock.mode();
        answer.output.object_lock_retain_until_date = lock.until();
        answer.output.object_lock_legal_hold_status = lock.hold_status();
        answer.output.version_id = Some(version);
        Ok(answer)
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> Answer<DeleteObjectOutput> {
        let input = request.input;
        let place = self.versions.place(&input.bucket, &input.key)?;
        let (version, is_marker) = match input.version_id {
            None => (self.versions.mark_deleted(&place).map_err(internal)?, true),
            Some(id) => {
                let _turn = self.publishing.lock().await;
                let locked = self.locked(&place, &id);
                locked
                    .read()?
                    .check_delete(input.bypass_governance_retention == Some(true))?;
                let removed = self.versions.remove(&place, &id).map_err(internal)?;
                self.tags(&place, &id).clear()?;
                locked.clear().map_err(internal)?;
                (id, removed.is_some_and(|version| version.is_marker))
            }
        };
        Ok(S3Response::new(DeleteObjectOutput {
            delete_marker: is_marker.then_some(true),
            version_id: Some(version),
            ..Default::default()
        }))
    }

    async fn list_object_versions(
        &self,
        request: S3Request<ListObjectVersionsInput>,
    ) -> Answer<ListObjectVersionsOutput> {
        let input = request.input;
        if input.delimiter.is_some() {
            return Err(s3_error!(NotImplemented));
        }
        let most = page(input.max_keys)?;
        let after = input.key_marker.as_deref().unwrap_or_default();
        let after_version = input.version_id_marker.as_deref().unwrap_or_default();
        if after.is_empty() && !after_version.is_empty() {
            return Err(s3_error!(
                InvalidArgument,
                "A version-id marker cannot be specified without a key marker."
            ));
        }
        let prefix = input.prefix.unwrap_or_default();
        let mut output = ListObjectVersionsOutput {
            name: Some(input.bucket.clone()),
            max_keys: Some(most),
            is_truncated: Some(false),
            key_marker: input.key_marker.clone(),
            version_id_marker: input.version_id_marker.clone(),
            ..Default::default()
        };
        let (mut versions, mut markers) = (Vec::new(), Vec::new());
        let mut last = None;
        'page: for place in self.versions.places(&input.bucket, &prefix)? {
            // Without a version, all versions of the marked key are on former pages.
            if place.key.as_str() < after || place.key == after && after_version.is_empty() {
                continue;
            }
            let mut all = self.versions.all(&place).map_err(internal)?;
            let mut is_latest = Some(true);
            while let Some(version) = all.pop() {
                let is_latest = Some(is_latest.take().is_some());
                // The newest version of a key comes first.
                if place.key == after && version.id.as_str() >= after_version {
                    continue;
                }
                if versions.len() + markers.len() == most as usize {
                    output.is_truncated = Some(most > 0);
                    (output.next_key_marker, output.next_version_id_marker) = last.unzip();
                    break 'page;
                }
                last = Some((place.key.clone(), version.id.clone()));
                let name = version.name();
                let file = fs::metadata(self.versions.path(&place, &name)).map_err(internal)?;
                let key = Some(place.key.clone());
                let last_modified = file.modified().ok().map(Timestamp::from);
                match version.is_marker {
                    true => markers.push(DeleteMarkerEntry {
                        key,
                        version_id: Some(version.id),
                        is_latest,
                        last_modified,
                        ..Default::default()
                    }),
                    false => versions.push(ObjectVersion {
                        key,
                        version_id: Some(version.id),
                        is_latest,
                        last_modified,
                        size: i64::try_from(file.len()).ok(),
                        ..Default::default()
                    }),
                }
            }
        }
        Ok(S3Response::new(ListObjectVersionsOutput {
            prefix: Some(prefix),
            versions: Some(versions),
            delete_markers: Some(markers),
            ..output
        }))
    }

    async fn get_bucket_versioning(
        &self,
        request: S3Request<GetBucketVersioningInput>,
    ) -> Answer<GetBucketVersioningOutput> {
        self.versions.places(&request.input.bucket, "/")?;
        Ok(S3Response::new(GetBucketVersioningOutput {
            status: Some(BucketVersioningStatus::from_static(
                BucketVersioningStatus::ENABLED,
            )),
            ..Default::default()
        }))
    }

    async fn get_object_lock_configuration(
        &self,
        request: S3Request<GetObjectLockConfigurationInput>,
    ) -> Answer<GetObjectLockConfigurationOutput> {
        let bucket = &request.input.bucket;
        if !self.locking.contains(bucket) {
            self.versions.places(bucket, "/")?;
            return Err(s3_error!(
                ObjectLockConfigurationNotFoundError,
                "Object Lock configuration does not exist for this bucket"
            ));
        }
        let enabled = ObjectLockEnabled::from_static(ObjectLockEnabled::ENABLED);
        Ok(S3Response::new(GetObjectLockConfigurationOutput {
            object_lock_configuration: Some(ObjectLockConfiguration {
                object_lock_enabled: Some(enabled),
                rule: None,
            }),
        }))
    }

    async fn put_object_retention(
        &self,
        request: S3Request<PutObjectRetentionInput>,
    ) -> Answer<PutObjectRetentionOutput> {
        let input = request.input;
        let bypasses = input.bypass_governance_retention == Some(true);
        let object = (
            input.bucket.as_str(),
            input.key.as_str(),
            input.version_id.as_deref(),
        );
        self.relock(object, |lock| {
            lock.retain(input.retention.as_ref(), bypasses)
        })
        .await?;
        Ok(S3Response::new(PutObjectRetentionOutput::default()))
    }

    async fn get_object_retention(
        &self,
        request: S3Request<GetObjectRetentionInput>,
    ) -> Answer<GetObjectRetentionOutput> {
        let input = request.input;
        let lock = self.lock(&input.bucket, &input.key, input.version_id.as_deref())?;
        let retention = lock.retention().ok_or_else(unlocked)?;
        Ok(S3Response::new(GetObjectRetentionOutput {
            retention: Some(retention),
        }))
    }

    async fn put_object_legal_hold(
        &self,
        request: S3Request<PutObjectLegalHoldInput>,
    ) -> Answer<PutObjectLegalHoldOutput> {
        let input = request.input;
        let object = (
            input.bucket.as_str(),
            input.key.as_str(),
            input.version_id.as_deref(),
        );
        self.relock(object, |lock| lock.hold(input.legal_hold.as_ref()))
            .await?;
        Ok(S3Response::new(PutObjectLegalHoldOutput::default()))
    }

    async fn get_object_legal_hold(
        &self,
        request: S3Request<GetObjectLegalHoldInput>,
    ) -> Answer<GetObjectLegalHoldOutput> {
        let input = request.input;
        let lock = self.lock(&input.bucket, &input.key, input.version_id.as_deref())?;
        let status = lock.hold_status().ok_or_else(unlocked)?;
        Ok(S3Response::new(GetObjectLegalHoldOutput {
            legal_hold: Some(ObjectLockLegalHold {
                status: Some(status),
            }),
        }))
    }

    async fn put_object_tagging(
        &self,
        request: S3Request<PutObjectTaggingInput>,
    ) -> Answer<PutObjectTaggingOutput> {
        let input = request.input;
        let (place, version) = self.find(&input.bucket, &input.key, input.version_id.as_deref())?;
        self.tags(&place, &version)
            .write(&tags::told(input.tagging.tag_set)?)?;
        Ok(S3Response::new(PutObjectTaggingOutput {
            version_id: Some(version),
        }))
    }

    async fn get_object_tagging(
        &self,
        request: S3Request<GetObjectTaggingInput>,
    ) -> Answer<GetObjectTaggingOutput> {
        let input = request.input;
        let (place, version) = self.find(&input.bucket, &input.key, input.version_id.as_deref())?;
        Ok(S3Response::new(GetObjectTaggingOutput {
            tag_set: tags::set(self.tags(&place, &version).read()?),
            version_id: Some(version),
        }))
    }

    async fn delete_object_tagging(
        &self,
        request: S3Request<DeleteObjectTaggingInput>,
    ) -> Answer<DeleteObjectTaggingOutput> {
        let input = request.input;
        let (place, version) = self.find(&input.bucket, &input.key, input.version_id.as_deref())?;
        self.tags(&place, &version).clear()?;
        Ok(S3Response::new(DeleteObjectTaggingOutput {
            version_id: Some(version),
        }))
    }

    async fn create_multipart_upload(
        &self,
        mut request: S3Request<CreateMultipartUploadInput>,
    ) -> Answer<CreateMultipartUploadOutput> {
        let lock = self.asked_lock(
            &request.input.bucket,
            request.input.object_lock_mode.as_ref(),
            request.input.object_lock_retain_until_date.as_ref(),
            request.input.object_lock_legal_hold_status.as_ref(),
        )?;
        let input = &mut request.input;
        if input.tagging.is_some() {
            return Err(s3_error!(NotImplemented));
        }
        let place = self.versions.place(&input.bucket, &input.key)?;
        let version = versions::later();
        input.key = place.kept(&version);
        let mut answer = self.kept.create_multipart_upload(request).await?;
        self.uploads.begin(&Upload {
            id: answer.output.upload_id.clone().unwrap_or_default(),
            bucket: place.bucket,
            key: place.key.clone(),
            version,
            begun: SystemTime::now(),
            lock,
        })?;
        answer.output.key = Some(place.key);
        Ok(answer)
    }

    async fn upload_part(
        &self,
        mut request: S3Request<UploadPartInput>,
    ) -> Answer<UploadPartOutput> {
        let input = &mut request.input;
        let place = self.versions.place(&input.bucket, &input.key)?;
        let upload = self.uploads.find(&place, &input.upload_id)?;
        let number = input.part_number;
        if !(1..=10_000).contains(&number) {
            return Err(s3_error!(InvalidArgument));
        }
        let answer = self.kept.upload_part(request).await?;
        if let Some(e_tag) = &answer.output.e_tag {
            self.uploads.add(&upload, number, e_tag.value())?;
        }
        Ok(answer)
    }

    async fn list_parts(&self, request: S3Request<ListPartsInput>) -> Answer<ListPartsOutput> {
        let input = request.input;
        let place = self.versions.place(&input.bucket, &input.key)?;
        let upload = self.uploads.find(&place, &input.upload_id)?;
        let after = input.part_number_marker.unwrap_or_default();
        let most = input.max_parts.unwrap_or(1000).clamp(0, 1000);
        let mut parts = self.parts(&upload).await?;
        parts.retain(|part| part.part_number > Some(after));
        let is_truncated = parts.len() > most as usize;
        parts.truncate(most as usize);
        Ok(S3Response::new(ListPartsOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(input.upload_id),
            max_parts: Some(most),
            part_number_marker: Some(after),
            next_part_number_marker: parts.last().and_then(|part| part.part_number),
            is_truncated: Some(is_truncated),
            parts: Some(parts),
            ..Default::default()
        }))
    }

    async fn list_multipart_uploads(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> Answer<ListMultipartUploadsOutput> {
        let input = request.input;
        let prefix = input.prefix.unwrap_or_default();
        let uploads = self.uploads.all(&input.bucket, &prefix)?;
        let uploads = uploads.into_iter().map(|upload| MultipartUpload {
            key: Some(upload.key),
            upload_id: Some(upload.id),
            initiated: Some(Timestamp::from(upload.begun)),
            ..Default::default()
        });
        // All on one page, as with versions.
        Ok(S3Response::new(ListMultipartUploadsOutput {
            bucket: Some(input.bucket),
            prefix: Some(prefix),
            is_truncated: Some(false),
            uploads: Some(uploads.collect()),
            ..Default::default()
        }))
    }

    async fn complete_multipart_upload(
        &self,
        mut request: S3Request<CompleteMultipartUploadInput>,
    ) -> Answer<CompleteMultipartUploadOutput> {
        let input = &mut request.input;
        let must_be_absent = must_be_absent(input.if_none_match.take())?;
        if input.if_match.is_some() {
            return Err(s3_error!(NotImplemented));
        }
        let place = self.versions.place(&input.bucket, &input.key)?;
        let upload = self.uploads.find(&place, &input.upload_id)?;
        let told = input.multipart_upload.as_ref();
        let told = told.and_then(|upload| upload.parts.as_deref());
        uploads::check(&self.parts(&upload).await?, told.unwrap_or_default())?;
        // A file put there without this API becomes an older version.
        let former = self.versions.current(&place).map_err(internal)?;
        if must_be_absent && former.is_some() {
            return Err(s3_error!(PreconditionFailed));
        }
        self.uploads.end(&upload)?;
        self.versions
            .stage(&place, &upload.version)
            .map_err(internal)?;
        input.key = place.kept(&upload.version);
        let peer = peer(&request);
        let mut answer = self.kept.complete_multipart_upload(request).await?;
        // s3s-fs may answer later, because completing may take longer than a connection lasts.
        if let Some(told) = answer.output.future.take() {
            answer.output = told.await?;
        }
        self.publish(New {
            place: &place,
            version: &upload.version,
            e_tag: answer.output.e_tag.as_ref(),
            lock: upload.lock.as_ref(),
            must_be_absent,
            must_match: None,
            in_parts: true,
            peer,
        })
        .await?;
        answer.output.key = Some(place.key);
        answer.output.version_id = Some(upload.version);
        Ok(answer)
    }

    async fn abort_multipart_upload(
        &self,
        mut request: S3Request<AbortMultipartUploadInput>,
    ) -> Answer<AbortMultipartUploadOutput> {
        let input = &mut request.input;
        let place = self.versions.place(&input.bucket, &input.key)?;
        let upload = self.uploads.find(&place, &input.upload_id)?;
        self.uploads.end(&upload)?;
        input.key = place.kept(&upload.version);
        self.kept.abort_multipart_upload(request).await
    }
}

fn internal(error: io::Error) -> S3Error {
    S3Error::internal_error(error)
}

fn unlocked() -> S3Error {
    s3_error!(
        NoSuchObjectLockConfiguration,
        "The specified object does not have a ObjectLock configuration"
    )
}

/// The entries of a page. S3 gives at most 1000.
fn page(asked: Option<i32>) -> S3Result<i32> {
    match asked.unwrap_or(1000) {
        asked if asked < 0 => Err(s3_error!(InvalidArgument)),
        asked => Ok(asked.min(1000)),
    }
}

/// Whether a write asks that there is no object. Errors: it asks for something that S3 doesn't know.
fn must_be_absent(condition: Option<IfNoneMatch>) -> S3Result<bool> {
    match condition {
        None => Ok(false),
        Some(condition) if condition.is_any() => Ok(true),
        Some(_) => Err(s3_error!(NotImplemented)),
    }
}

/// A request made by the store itself.
fn about<T>(input: T) -> S3Request<T> {
    S3Request {
        input,
        method: Method::GET,
        uri: Uri::default(),
        headers: HeaderMap::new(),
        extensions: Extensions::new(),
        credentials: None,
        region: None,
        service: None,
        trailing_headers: None,
    }
}

fn peer<T>(request: &S3Request<T>) -> Option<SocketAddr> {
    request.extensions.get().copied()
}

/// Checks `If-Match`, which s3s-fs ignores.
fn matches(condition: Option<&ETagCondition>, e_tag: Option<&ETag>) -> S3Result<()> {
    match (condition.and_then(ETagCondition::as_etag), e_tag) {
        (Some(asked), Some(is)) if !asked.strong_cmp(is) => Err(s3_error!(PreconditionFailed)),
        _ => Ok(()),
    }
}

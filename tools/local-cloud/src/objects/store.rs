//! The operations of S3: adds versions, tags and separate uploads in parts to s3s-fs, which handles
//! bytes, checksums and metadata.

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
    /// Held while a finished write looks for the object that it must not find, and becomes it.
    publishing: tokio::sync::Mutex<()>,
    created: OnCreated,
}

impl Store {
    /// Serves the folders in `root` as buckets with `versions`. `created` gets the S3 event of each new
    /// object before its writer gets the answer.
    pub fn new(root: &Path, versions: Arc<Versions>, created: OnCreated) -> anyhow::Result<Self> {
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
            publishing: tokio::sync::Mutex::default(),
            created,
        })
    }

    /// Makes a version that is complete the object's latest, and sends its event.
    fn publish(
        &self,
        place: &Place,
        version: &str,
        e_tag: Option<&ETag>,
        in_parts: bool,
        peer: Option<SocketAddr>,
    ) -> io::Result<()> {
        self.versions.link(place)?;
        let created = Created {
            place,
            version,
            e_tag: e_tag.map_or("", ETag::value),
            size: fs::metadata(self.versions.path(place, version))?.len(),
            in_parts,
        };
        if let Some(peer) = peer {
            (self.created)(created.event(peer));
        }
        Ok(())
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

    /// Stores the entity tag of a version that was put on disk without this API, where s3s-fs stores
    /// those of the others. Otherwise s3s-fs reads the whole content for each request.
    fn keep_e_tag(&self, place: &Place, version: &str, e_tag: Option<&ETag>) -> S3Result<()> {
        let [bucket, key] =
            [&place.bucket, &place.kept(version)].map(|name| URL_SAFE_NO_PAD.encode(name));
        let known = format!(".bucket-{bucket}.object-{key}.internal.json");
        let known = self.folder.join(known);
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
        request: S3Request<ListObjectsV2Input>,
    ) -> Answer<ListObjectsV2Output> {
        self.current.list_objects_v2(request).await
    }

    async fn put_object(&self, mut request: S3Request<PutObjectInput>) -> Answer<PutObjectOutput> {
        let input = &mut request.input;
        let condition = input.if_none_match.take();
        let is_known = condition
            .as_ref()
            .is_none_or(|condition| condition.is_any());
        if input.if_match.is_some() || !is_known || input.tagging.is_some() {
            return Err(s3_error!(NotImplemented));
        }
        let place = self.versions.place(&input.bucket, &input.key)?;
        // A file put there without this API becomes an older version.
        let former = self.versions.current(&place).map_err(internal)?;
        if condition.is_some() && former.is_some() {
            return Err(s3_error!(PreconditionFailed));
        }
        let version = versions::later();
        input.key = place.kept(&version);
        let peer = peer(&request);
        let mut answer = match self.kept.put_object(request).await {
            Ok(answer) => answer,
            Err(error) => {
                // s3s-fs compares some checksums only after it has stored the content.
                let _ = fs::remove_file(self.versions.path(&place, &version));
                return Err(error);
            }
        };
        let _turn = self.publishing.lock().await;
        let other = self.versions.current(&place).map_err(internal)?;
        if condition.is_some() && other.is_some() {
            let _ = fs::remove_file(self.versions.path(&place, &version));
            return Err(s3_error!(PreconditionFailed));
        }
        let e_tag = answer.output.e_tag.as_ref();
        self.publish(&place, &version, e_tag, false, peer)
            .map_err(internal)?;
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
                self.tags(&place, &id).clear()?;
                let removed = self.versions.remove(&place, &id).map_err(internal)?;
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
        let prefix = input.prefix.unwrap_or_default();
        let (mut versions, mut markers) = (Vec::new(), Vec::new());
        for place in self.versions.places(&input.bucket, &prefix)? {
            let mut all = self.versions.all(&place).map_err(internal)?;
            let mut is_latest = Some(true);
            while let Some(version) = all.pop() {
                let name = version.name();
                let file = fs::metadata(self.versions.path(&place, &name)).map_err(internal)?;
                let key = Some(place.key.clone());
                let last_modified = file.modified().ok().map(Timestamp::from);
                let is_latest = Some(is_latest.take().is_some());
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
        // All on one page, whatever page size the caller asks for.
        Ok(S3Response::new(ListObjectVersionsOutput {
            name: Some(input.bucket),
            prefix: Some(prefix),
            is_truncated: Some(false),
            versions: Some(versions),
            delete_markers: Some(markers),
            ..Default::default()
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
        if input.if_match.is_some() || input.if_none_match.is_some() {
            return Err(s3_error!(NotImplemented));
        }
        let place = self.versions.place(&input.bucket, &input.key)?;
        let upload = self.uploads.find(&place, &input.upload_id)?;
        let told = input.multipart_upload.as_ref();
        let told = told.and_then(|upload| upload.parts.as_deref());
        uploads::check(&self.parts(&upload).await?, told.unwrap_or_default())?;
        self.uploads.end(&upload)?;
        self.versions.current(&place).map_err(internal)?;
        input.key = place.kept(&upload.version);
        let peer = peer(&request);
        let mut answer = self.kept.complete_multipart_upload(request).await?;
        // s3s-fs may answer later, because completing may take longer than a connection lasts.
        if let Some(told) = answer.output.future.take() {
            answer.output = told.await?;
        }
        let e_tag = answer.output.e_tag.as_ref();
        self.publish(&place, &upload.version, e_tag, true, peer)
            .map_err(internal)?;
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

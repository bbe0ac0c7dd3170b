//! Requests about objects in S3: reading their properties and content, listing, tagging and deleting them.

use api::access::Access;
use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::types::{Tag, Tagging};
use chrono::DateTime;
use domain::ids::{FileId, UserId};
use domain::time::Timestamp;
use errors::Error;

use crate::scan_policy::Scan;
use crate::store::{PREFIX, unbuildable, unreachable};
use crate::{Declared, Finding, Inspection, Location, Rejection, Store, Verdict};

/// The tag that the bucket's lifecycle rule selects the objects of archived files by.
const ARCHIVED: &str = "archived";

/// An object that exists in S3.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// The length in bytes.
    pub size: i64,
    /// When the object was stored, to the second.
    pub at: Timestamp,
    /// The entity tag. It changes if the object is replaced.
    tag: String,
    /// The version, or `None` if the bucket keeps no versions.
    pub version: Option<String>,
}

impl Arrived {
    /// Whether the object has this entity tag, with or without quotes.
    pub(crate) fn has_tag(&self, tag: &str) -> bool {
        self.tag.trim_matches('"') == tag.trim_matches('"')
    }
}

/// The results of reading an object.
pub(crate) struct Inspected {
    pub(crate) verdict: Verdict,
    pub(crate) finding: Finding,
}

impl Store {
    /// The properties of the object at `location`, in this version or the current one. Returns `None`
    /// if there is no object.
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
                    // There is no object, or the version is a delete marker.
                    Some(404 | 405) => Ok(None),
                    _ => Err(unreachable(&error)),
                };
            }
        };
        let at = head
            .last_modified
            .and_then(|at| DateTime::from_timestamp(at.secs(), 0));
        match (head.content_length, at, head.e_tag) {
            (Some(size), Some(at), Some(tag)) => Ok(Some(Arrived {
                size,
                at: at.into(),
                tag,
                version: head.version_id,
            })),
            _ => Err(Error::Unavailable(
                "the answer of the file store lacks the object's properties",
            )),
        }
    }

    /// Reads the object once, in bounded memory, and passes it to the inspection and to the scanner.
    /// Errors: the object can't be read to its end, it was replaced since it `arrived`, or the scanner
    /// fails.
    pub(crate) async fn inspect<T>(
        &self,
        _access: &Access<T>,
        location: &Location,
        arrived: &Arrived,
        declared: &Declared,
        mut scan: Scan,
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
            scan.read(&chunk).await?;
        }
        Ok(Inspected {
            verdict: inspection.conclude(declared),
            finding: scan.conclude().await?,
        })
    }

    /// Lists up to `most` objects, beginning with the files of the owner `after`. If that reaches the
    /// end of the bucket, lists up to `most` from its beginning too. Returns the files of these objects
    /// and the number of objects whose key names no file.
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

    /// Deletes all versions of an object, and its delete markers. Returns how many there were. Repeating it is safe.
    /// Errors: S3 didn't delete one of them. Those before it are deleted.
    pub async fn delete<T>(
        &self,
        _access: &Access<T>,
        location: &Location,
    ) -> Result<usize, Error> {
        let mut deleted = 0;
        loop {
            let listing = self
                .client()
                .list_object_versions()
                .bucket(&location.bucket)
                .prefix(&location.key)
                .send()
                .await
                .map_err(|error| unreachable(&error))?;
            let versions = listing
                .versions()
                .iter()
                .map(|version| (version.key(), version.version_id()));
            let markers = listing
                .delete_markers()
                .iter()
                .map(|marker| (marker.key(), marker.version_id()));
            // S3 lists the versions of this key before those of longer ones.
            let before = deleted;
            for (key, version) in versions.chain(markers) {
                if key != Some(location.key.as_str()) {
                    continue;
                }
                self.client()
                    .delete_object()
                    .bucket(&location.bucket)
                    .key(&location.key)
                    .set_version_id(version.map(str::to_owned))
                    .send()
                    .await
                    .map_err(|error| unreachable(&error))?;
                deleted += 1;
            }
            if deleted == before {
                return Ok(deleted);
            }
        }
    }

    /// Tags the object of an archived file, in this version or the current one. The bucket's lifecycle
    /// rule then moves the object to cheaper storage and doesn't delete it. Returns false if the object
    /// is gone.
    ///
    /// S3 replaces all tags of an object at once and offers no conditional request for it. A tag that a
    /// scanner sets between the two requests is therefore lost.
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
        // The new set contains the old tags: the bucket's policy reads the scanner's tag.
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
        tags.push(archived.map_err(unbuildable)?);
        let tags = Tagging::builder().set_tag_set(Some(tags)).build();
        self.client()
            .put_object_tagging()
            .bucket(&location.bucket)
            .key(&location.key)
            .set_version_id(version)
            .tagging(tags.map_err(unbuildable)?)
            .send()
            .await
            .map_err(|error| unreachable(&error))?;
        Ok(true)
    }
}

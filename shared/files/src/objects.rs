//! Objects that are there: asked for, read once, listed and tagged.

use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::types::{Tag, Tagging};
use chrono::DateTime;
use shared::access::Access;
use shared::errors::Error;
use shared::ids::{FileId, UserId};
use shared::time::Timestamp;

use crate::scanner::{Finding, Scanner};
use crate::store::{PREFIX, unreachable, unsigned};
use crate::{Declared, Inspection, Location, Rejection, Store, Verdict};

/// The tag by which the bucket's rule knows the objects of archived files.
const ARCHIVED: &str = "archived";

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
            .and_then(|at| DateTime::from_timestamp(at.secs(), 0));
        match (head.content_length, at, head.e_tag) {
            (Some(size), Some(at), Some(tag)) => Ok(Some(Arrived {
                size,
                at: at.into(),
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

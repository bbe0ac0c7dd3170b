//! The uploads in parts that are not complete. s3s-fs keeps their bytes but forgets their object and
//! the entity tags of their parts.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use s3s::dto::{CompletedPart, Part};
use s3s::{S3Error, S3Result, s3_error};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::locks::Lock;
use super::versions::Place;

/// The smallest part, in bytes. Only the last part may be smaller.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>
const SMALLEST_PART: i64 = 5 * 1024 * 1024;

/// The file that describes an upload, in the upload's folder.
const UPLOAD: &str = "upload.json";

/// All open uploads.
#[derive(Debug)]
pub struct Uploads {
    folder: PathBuf,
}

/// An open upload.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Upload {
    pub id: String,
    pub bucket: String,
    pub key: String,
    /// The version that it becomes. As in S3, the upload that began later becomes the later version.
    pub version: String,
    pub begun: SystemTime,
    /// The lock that the version gets.
    #[serde(default)]
    pub lock: Option<Lock>,
}

impl Uploads {
    /// The open uploads under `root`, including those of an earlier process.
    pub fn new(root: &Path) -> io::Result<Self> {
        let folder = root.join(".uploads");
        fs::create_dir_all(&folder)?;
        Ok(Self { folder })
    }

    /// Stores a new upload.
    pub fn begin(&self, upload: &Upload) -> S3Result<()> {
        let folder = self.folder.join(&upload.id);
        fs::create_dir(&folder).map_err(S3Error::internal_error)?;
        let content = serde_json::to_vec(upload).map_err(S3Error::internal_error)?;
        write(&folder.join(UPLOAD), &content)
    }

    /// The upload with this id. Errors: `NoSuchUpload`, also if it is of another object.
    pub fn find(&self, place: &Place, id: &str) -> S3Result<Upload> {
        let id = Uuid::parse_str(id).map_err(|_| s3_error!(NoSuchUpload))?;
        read(&self.folder.join(id.to_string()))
            .filter(|upload| upload.bucket == place.bucket && upload.key == place.key)
            .ok_or_else(|| s3_error!(NoSuchUpload))
    }

    /// Stores the entity tag of a part, in place of an earlier part with this number.
    pub fn add(&self, upload: &Upload, number: i32, e_tag: &str) -> S3Result<()> {
        write(
            &self.folder.join(&upload.id).join(number.to_string()),
            e_tag.as_bytes(),
        )
    }

    /// The entity tags of the parts that came, by part number.
    pub fn e_tags(&self, upload: &Upload) -> S3Result<BTreeMap<i32, String>> {
        let files = files(&self.folder.join(&upload.id))?;
        let parts = files.iter().filter_map(|path| {
            let number = path.file_name()?.to_str()?.parse().ok()?;
            Some((number, fs::read_to_string(path).ok()?))
        });
        Ok(parts.collect())
    }

    /// Ends an upload. Errors: it has ended already. Of two concurrent calls one succeeds.
    pub fn end(&self, upload: &Upload) -> S3Result<()> {
        let folder = self.folder.join(&upload.id);
        let ended = self.folder.join(format!(".ended-{}", upload.id));
        fs::rename(folder, &ended).map_err(|_| s3_error!(NoSuchUpload))?;
        fs::remove_dir_all(ended).map_err(S3Error::internal_error)
    }

    /// The open uploads into a bucket, by key and age.
    pub fn all(&self, bucket: &str, prefix: &str) -> S3Result<Vec<Upload>> {
        let mut uploads: Vec<Upload> = files(&self.folder)?
            .iter()
            .filter_map(|folder| read(folder))
            .filter(|upload| upload.bucket == bucket && upload.key.starts_with(prefix))
            .collect();
        uploads
            .sort_by(|left, right| (&left.key, &left.version).cmp(&(&right.key, &right.version)));
        Ok(uploads)
    }
}

/// Checks that the parts the caller names came and make an object.
pub fn check(came: &[Part], told: &[CompletedPart]) -> S3Result<()> {
    if told.is_empty() {
        return Err(s3_error!(MalformedXML));
    }
    if !told.is_sorted_by(|left, right| left.part_number < right.part_number) {
        return Err(s3_error!(InvalidPartOrder));
    }
    for (number, part) in (1..).zip(told) {
        let came = came
            .iter()
            .find(|came| came.part_number == part.part_number && came.e_tag == part.e_tag)
            .ok_or_else(|| s3_error!(InvalidPart))?;
        if came.size < Some(SMALLEST_PART) && number < told.len() {
            return Err(s3_error!(EntityTooSmall));
        }
        if part.part_number.map(usize::try_from) != Some(Ok(number)) {
            return Err(s3_error!(
                NotImplemented,
                "parts are numbered without gaps here"
            ));
        }
    }
    Ok(())
}

fn files(folder: &Path) -> S3Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).map_err(|_| s3_error!(NoSuchUpload))?;
    let paths: io::Result<_> = entries.map(|entry| Ok(entry?.path())).collect();
    paths.map_err(S3Error::internal_error)
}

fn read(folder: &Path) -> Option<Upload> {
    serde_json::from_slice(&fs::read(folder.join(UPLOAD)).ok()?).ok()
}

/// Replaces a file atomically, because another request may read it.
pub fn write(path: &Path, content: &[u8]) -> S3Result<()> {
    let passing = path.with_extension(super::versions::later());
    fs::write(&passing, content).map_err(S3Error::internal_error)?;
    fs::rename(passing, path).map_err(S3Error::internal_error)
}

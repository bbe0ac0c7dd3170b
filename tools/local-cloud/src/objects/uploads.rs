//! What is known of uploads in parts until they are complete: s3s-fs keeps their bytes, and forgets
//! whose they are and which entity tags it told.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use s3s::dto::{CompletedPart, Part};
use s3s::{S3Error, S3Result, s3_error};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::versions::Place;

/// Bytes; the last part alone may be smaller.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>
const SMALLEST_PART: i64 = 5 * 1024 * 1024;

/// What tells of the upload itself, in its folder.
const UPLOAD: &str = "upload.json";

/// All uploads under way.
#[derive(Debug)]
pub struct Uploads {
    folder: PathBuf,
}

/// An upload under way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Upload {
    pub id: String,
    pub bucket: String,
    pub key: String,
    /// The version that it becomes: as in S3, of two uploads the one begun later is the later.
    pub version: String,
    pub begun: SystemTime,
}

impl Uploads {
    /// Those that were begun under `root`, also by a process before this one.
    pub fn new(root: &Path) -> io::Result<Self> {
        let folder = root.join(".uploads");
        fs::create_dir_all(&folder)?;
        Ok(Self { folder })
    }

    /// Takes up a new upload.
    pub fn begin(&self, upload: &Upload) -> S3Result<()> {
        let folder = self.folder.join(&upload.id);
        fs::create_dir(&folder).map_err(S3Error::internal_error)?;
        let content = serde_json::to_vec(upload).map_err(S3Error::internal_error)?;
        write(&folder.join(UPLOAD), &content)
    }

    /// The upload of this id, where it is of this object.
    pub fn find(&self, place: &Place, id: &str) -> S3Result<Upload> {
        let id = Uuid::parse_str(id).map_err(|_| s3_error!(NoSuchUpload))?;
        read(&self.folder.join(id.to_string()))
            .filter(|upload| upload.bucket == place.bucket && upload.key == place.key)
            .ok_or_else(|| s3_error!(NoSuchUpload))
    }

    /// Takes up a part; one of its number that came before is replaced.
    pub fn add(&self, upload: &Upload, number: i32, e_tag: &str) -> S3Result<()> {
        write(
            &self.folder.join(&upload.id).join(number.to_string()),
            e_tag.as_bytes(),
        )
    }

    /// The entity tags of those that came, by their number.
    pub fn e_tags(&self, upload: &Upload) -> S3Result<BTreeMap<i32, String>> {
        let files = files(&self.folder.join(&upload.id))?;
        let parts = files.iter().filter_map(|path| {
            let number = path.file_name()?.to_str()?.parse().ok()?;
            Some((number, fs::read_to_string(path).ok()?))
        });
        Ok(parts.collect())
    }

    /// Ends it: of two at once, one. Errors: it has ended.
    pub fn end(&self, upload: &Upload) -> S3Result<()> {
        let folder = self.folder.join(&upload.id);
        let ended = self.folder.join(format!(".ended-{}", upload.id));
        fs::rename(folder, &ended).map_err(|_| s3_error!(NoSuchUpload))?;
        fs::remove_dir_all(ended).map_err(S3Error::internal_error)
    }

    /// Those into a bucket, by key and age.
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

/// Whether these parts, all of them come as told, make an object.
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

/// In whole or not at all: it may be read meanwhile.
pub fn write(path: &Path, content: &[u8]) -> S3Result<()> {
    let passing = path.with_extension(super::versions::later());
    fs::write(&passing, content).map_err(S3Error::internal_error)?;
    fs::rename(passing, path).map_err(S3Error::internal_error)
}

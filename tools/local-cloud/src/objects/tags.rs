//! The tags of one version, in a file beside it.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html>

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;

use s3s::dto::{Tag, TagSet};
use s3s::{S3Error, S3Result, s3_error};

use super::versions::{Place, Versions};

const MOST: usize = 10;
/// Characters.
const LONGEST_KEY: usize = 128;
/// Characters.
const LONGEST_VALUE: usize = 256;

/// The file of a version's tags.
#[derive(Debug)]
pub struct Tags(PathBuf);

impl Tags {
    pub fn of(versions: &Versions, place: &Place, version: &str) -> Self {
        Self(versions.path(place, &format!("{version}.tags")))
    }

    pub fn read(&self) -> S3Result<BTreeMap<String, String>> {
        match fs::read(&self.0) {
            Ok(content) => serde_json::from_slice(&content).map_err(S3Error::internal_error),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
            Err(error) => Err(S3Error::internal_error(error)),
        }
    }

    /// Replaces all tags. Errors: `InvalidTag` for a tag that S3 doesn't allow.
    pub fn write(&self, tags: &BTreeMap<String, String>) -> S3Result<()> {
        let is_good = |(key, value): (&String, &String)| {
            (1..=LONGEST_KEY).contains(&key.chars().count())
                && value.chars().count() <= LONGEST_VALUE
        };
        if tags.len() > MOST || !tags.iter().all(is_good) {
            return Err(s3_error!(InvalidTag));
        }
        let content = serde_json::to_vec(tags).map_err(S3Error::internal_error)?;
        fs::write(&self.0, content).map_err(S3Error::internal_error)
    }

    pub fn clear(&self) -> S3Result<()> {
        match fs::remove_file(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(S3Error::internal_error(error))
            }
            _ => Ok(()),
        }
    }
}

/// Reads the tags of a request. Errors: a tag without a key or a value, or a repeated key.
pub fn told(tags: TagSet) -> S3Result<BTreeMap<String, String>> {
    let count = tags.len();
    let tags: BTreeMap<_, _> = tags
        .into_iter()
        .filter_map(|tag| Some((tag.key?, tag.value?)))
        .collect();
    match tags.len() == count {
        true => Ok(tags),
        false => Err(s3_error!(InvalidTag)),
    }
}

/// Writes tags for an answer.
pub fn set(tags: BTreeMap<String, String>) -> TagSet {
    let tag = |(key, value)| Tag {
        key: Some(key),
        value: Some(value),
    };
    tags.into_iter().map(tag).collect()
}

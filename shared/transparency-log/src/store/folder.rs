//! A log in a folder: for development, and for an archive that was copied to a disk.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use uuid::Uuid;

use super::{After, Creation, Object, ObjectStore, Version, Versions};
use crate::Failure;

/// The ending of files that are being written.
const UNFINISHED: &str = ".unfinished";

/// A store in a folder. It locks no object and keeps no versions.
pub struct Folder {
    root: PathBuf,
    /// Held while an object is compared and replaced. Other processes must not replace objects at the same time.
    replacing: Mutex<()>,
}

impl Folder {
    /// The store in this folder, which is made by the first object.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            replacing: Mutex::new(()),
        }
    }

    /// The path of an object. Errors: the key would leave the folder.
    fn path(&self, key: &str) -> io::Result<PathBuf> {
        let mut parts = key.split('/');
        match parts.any(|part| part.is_empty() || part == "." || part == "..") {
            true => Err(io::Error::new(ErrorKind::InvalidInput, "a key of the log")),
            false => Ok(self.root.join(key)),
        }
    }

    fn read(&self, key: &str) -> io::Result<Option<Object>> {
        match fs::read(self.path(key)?) {
            Ok(bytes) => Ok(Some(Object {
                tag: hex::encode(digest(&SHA256, &bytes)),
                bytes: bytes.into(),
            })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All keys with this prefix, in ascending order.
    fn keys(&self, prefix: &str) -> io::Result<Vec<String>> {
        let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut keys = Vec::new();
        walk(&self.root.join(folder), folder, &mut keys)?;
        keys.retain(|key| key.starts_with(prefix) && !key.ends_with(UNFINISHED));
        keys.sort();
        Ok(keys)
    }
}

#[async_trait]
impl ObjectStore for Folder {
    async fn get(&self, key: &str) -> Result<Option<Object>, Failure> {
        Ok(self.read(key)?)
    }

    async fn create(
        &self,
        key: &str,
        bytes: Bytes,
        _: Option<SystemTime>,
    ) -> Result<Creation, Failure> {
        Ok(match create_whole(&self.path(key)?, &bytes, 0o644)? {
            true => Creation::Created,
            false => Creation::Exists,
        })
    }

    async fn put(&self, key: &str, bytes: Bytes) -> Result<(), Failure> {
        let path = self.path(key)?;
        let unfinished = write_beside(&path, &bytes, 0o644)?;
        Ok(fs::rename(unfinished, path)?)
    }

    async fn replace(&self, key: &str, tag: &str, bytes: Bytes) -> Result<bool, Failure> {
        let _held = self
            .replacing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if self.read(key)?.is_none_or(|object| object.tag != tag) {
            return Ok(false);
        }
        let path = self.path(key)?;
        fs::rename(write_beside(&path, &bytes, 0o644)?, path)?;
        Ok(true)
    }

    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Vec<String>, Failure> {
        let mut keys = self.keys(prefix)?;
        keys.retain(|key| after.is_none_or(|after| key.as_str() > after));
        keys.truncate(1000);
        Ok(keys)
    }

    async fn versions(&self, prefix: &str, after: Option<&After>) -> Result<Versions, Failure> {
        let keys = self
            .list(prefix, after.map(|after| after.key.as_str()))
            .await?;
        let next = keys.last().map(|key| After {
            key: key.clone(),
            id: None,
        });
        let version = |key| Version {
            key,
            is_marker: false,
        };
        let versions = keys.into_iter().map(version).collect();
        Ok(Versions { versions, next })
    }
}

/// Writes a file unless it exists. Nobody sees a part of it. Returns whether it wrote it.
pub(crate) fn create_whole(path: &Path, bytes: &[u8], mode: u32) -> io::Result<bool> {
    let unfinished = write_beside(path, bytes, mode)?;
    // Unlike renaming, linking fails if the file exists.
    let linked = fs::hard_link(&unfinished, path);
    fs::remove_file(unfinished)?;
    match linked {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// Writes a file of another name into the same folder, and returns its path.
fn write_beside(path: &Path, bytes: &[u8], mode: u32) -> io::Result<PathBuf> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let unfinished = path.with_file_name(format!("{}{UNFINISHED}", Uuid::new_v4()));
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(unfinished)
}

fn walk(folder: &Path, key: &str, keys: &mut Vec<String>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let key = match key {
            "" => name.into_owned(),
            key => format!("{key}/{name}"),
        };
        match entry.file_type()?.is_dir() {
            true => walk(&entry.path(), &key, keys)?,
            false => keys.push(key),
        }
    }
    Ok(())
}

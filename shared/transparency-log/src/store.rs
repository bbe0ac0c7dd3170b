//! Where the objects of a log are: a bucket of S3, or a folder with the same keys as paths.

mod folder;
#[cfg(feature = "s3")]
mod s3;

use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;

use crate::Failure;

pub use folder::Folder;
pub(crate) use folder::create_whole;
#[cfg(feature = "s3")]
pub use s3::S3;

/// Objects by key. Each operation takes effect completely or not at all. After an error either can be the case, so each
/// can be repeated.
#[async_trait]
pub trait ObjectStore: Send + Sync {
    /// The object, or none if there is none.
    async fn get(&self, key: &str) -> Result<Option<Object>, Failure>;

    /// The `length` bytes of the object from `offset` on, or fewer if it ends before. None if there is no object. Errors:
    /// the object ends before `offset`, too.
    async fn get_range(
        &self,
        key: &str,
        offset: u64,
        length: u64,
    ) -> Result<Option<Bytes>, Failure> {
        let object = self.get(key).await?;
        object
            .map(|object| {
                let end = (object.bytes.len() as u64).min(offset.saturating_add(length));
                let range = usize::try_from(offset)?..usize::try_from(end)?;
                match range.is_empty() {
                    true => Err("the object ends before the range".into()),
                    false => Ok(object.bytes.slice(range)),
                }
            })
            .transpose()
    }

    /// Stores an object if there is none with this key. If `lock_until` is set and the store can lock objects, nobody can
    /// delete or overwrite this version before that time.
    async fn create(
        &self,
        key: &str,
        bytes: Bytes,
        lock_until: Option<SystemTime>,
    ) -> Result<Creation, Failure>;

    /// Stores an object in place of any other.
    async fn put(&self, key: &str, bytes: Bytes) -> Result<(), Failure>;

    /// Stores an object in place of the one with this [`Object::tag`]. Returns whether it did: not if another object has
    /// the key by now.
    async fn replace(&self, key: &str, tag: &str, bytes: Bytes) -> Result<bool, Failure>;

    /// The first keys with this prefix that come after the key `after`, in ascending order of their bytes: up to 1,000.
    /// If there are none, the list is empty.
    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Vec<String>, Failure>;

    /// A page of the versions and delete markers of all objects with this prefix, in ascending order of keys: the first
    /// page, or the one after `after`. A store without versions has one of each object.
    async fn versions(&self, prefix: &str, after: Option<&After>) -> Result<Versions, Failure>;
}

/// An object that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// The content.
    pub bytes: Bytes,
    /// What identifies this content among all that the key has had: the ETag.
    pub tag: String,
}

/// What [`ObjectStore::create`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Creation {
    /// The object is stored.
    Created,
    /// There is an object with this key, and nothing was changed.
    Exists,
}

/// A version of an object, or a marker that hides the versions before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The key of the object.
    pub key: String,
    /// Whether it is a delete marker.
    pub is_marker: bool,
}

/// A page of versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versions {
    /// The versions, all of one object together.
    pub versions: Vec<Version>,
    /// Where the next page begins. None if this is the last.
    pub next: Option<After>,
}

/// Where a page of versions ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct After {
    key: String,
    id: Option<String>,
}

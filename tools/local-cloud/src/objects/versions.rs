//! The versions of objects on disk, as in a bucket with versioning: no write destroys a version.
//!
//! Every version is a file under `.versions`. The current one is also linked into the folder of its
//! bucket, where a listing finds it.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/versioning-workflows.html>

use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use chrono::Utc;
use s3s::{S3Error, S3Result, s3_error};

/// The folder of all versions, beside the buckets.
pub const FOLDER: &str = ".versions";

/// Ends the file name that hides a version while it is written, after its id. The file is empty.
const STAGED: &str = ".staged";

/// Ends the file name of a delete marker, after the version's id. The file is empty.
const MARKER: &str = ".deleted";

/// All objects in all buckets.
#[derive(Debug)]
pub struct Versions {
    root: PathBuf,
    /// Held while the current version is read or changed.
    linking: Mutex<()>,
}

/// An object's bucket and key, checked to be a path on disk.
#[derive(Clone, Debug)]
pub struct Place {
    pub bucket: String,
    pub key: String,
}

/// One version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    pub id: String,
    /// Whether it is a delete marker.
    pub is_marker: bool,
}

/// An id for a version or an event. Later ids are greater.
pub fn later() -> String {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let now = u64::try_from(Utc::now().timestamp_micros()).unwrap_or_default();
    let next = |last: u64| now.max(last + 1);
    let last = LAST.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |last| Some(next(last)));
    format!("{:016X}", next(last.unwrap_or_default()))
}

impl Place {
    /// The key of a version under [`FOLDER`].
    pub fn kept(&self, id: &str) -> String {
        format!("{}/{id}", self.key)
    }
}

impl Version {
    fn of(name: &str) -> Option<Self> {
        let (id, is_marker) = match name.strip_suffix(MARKER) {
            Some(id) => (id, true),
            None => (name, false),
        };
        let is_id = id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_id.then(|| Self {
            id: id.to_owned(),
            is_marker,
        })
    }

    /// The name of its file.
    pub fn name(&self) -> String {
        let end = if self.is_marker { MARKER } else { "" };
        format!("{}{end}", self.id)
    }
}

impl Versions {
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            linking: Mutex::default(),
        }
    }

    /// Checks a bucket and a key. Errors: there is no such bucket, or the key is no path in it.
    pub fn place(&self, bucket: &str, key: &str) -> S3Result<Place> {
        if bucket.starts_with('.') || !self.root.join(bucket).is_dir() {
            return Err(s3_error!(NoSuchBucket));
        }
        if key.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(s3_error!(NotImplemented, "such a key is no path on disk"));
        }
        Ok(Place {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
        })
    }

    /// The file of a version, or one beside it.
    pub fn path(&self, place: &Place, name: &str) -> PathBuf {
        self.folder(place).join(name)
    }

    fn folder(&self, place: &Place) -> PathBuf {
        let bucket = self.root.join(FOLDER).join(&place.bucket);
        bucket.join(&place.key)
    }

    fn linked(&self, place: &Place) -> PathBuf {
        self.root.join(&place.bucket).join(&place.key)
    }

    /// The id of the version asked for, or of the current one.
    pub fn find(&self, place: &Place, asked: Option<&str>) -> S3Result<String> {
        match asked {
            None => self
                .current(place)
                .map_err(S3Error::internal_error)?
                .ok_or_else(|| s3_error!(NoSuchKey)),
            Some(asked) => {
                let versions = self.all(place).map_err(S3Error::internal_error)?;
                match versions.into_iter().find(|version| version.id == asked) {
                    Some(version) if version.is_marker => Err(s3_error!(MethodNotAllowed)),
                    Some(version) => Ok(version.id),
                    None => Err(s3_error!(NoSuchVersion)),
                }
            }
        }
    }

    /// The version linked into the bucket. A file put there without this API becomes a version.
    pub fn current(&self, place: &Place) -> io::Result<Option<String>> {
        let _linking = self.linking.lock().unwrap_or_else(PoisonError::into_inner);
        let linked = self.linked(place);
        let Some(file) = file(&linked)? else {
            return Ok(None);
        };
        for version in self.all(place)? {
            let kept = fs::metadata(self.path(place, &version.name()))?;
            if kept.ino() == file.ino() {
                return Ok(Some(version.id));
            }
        }
        let id = later();
        fs::create_dir_all(self.folder(place))?;
        fs::hard_link(&linked, self.path(place, &id))?;
        Ok(Some(id))
    }

    /// All versions of an object, the oldest first.
    pub fn all(&self, place: &Place) -> io::Result<Vec<Version>> {
        let entries = match fs::read_dir(self.folder(place)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let (mut versions, mut staged) = (Vec::new(), BTreeSet::new());
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_file()
                && let Some(name) = entry.file_name().to_str()
            {
                staged.extend(name.strip_suffix(STAGED).map(str::to_owned));
                versions.extend(Version::of(name));
            }
        }
        versions.retain(|version| !staged.contains(&version.id));
        versions.sort_by(|left, right| left.id.cmp(&right.id));
        Ok(versions)
    }

    /// Hides a version until [`Versions::show`]. A process that ends before leaves no version behind.
    pub fn stage(&self, place: &Place, id: &str) -> io::Result<()> {
        fs::create_dir_all(self.folder(place))?;
        fs::write(self.staged(place, id), b"")
    }

    /// Shows a version that is complete.
    pub fn show(&self, place: &Place, id: &str) -> io::Result<()> {
        fs::remove_file(self.staged(place, id))
    }

    fn staged(&self, place: &Place, id: &str) -> PathBuf {
        self.path(place, &format!("{id}{STAGED}"))
    }

    /// The objects of a bucket whose key has this prefix, including deleted ones, by key.
    pub fn places(&self, bucket: &str, prefix: &str) -> S3Result<Vec<Place>> {
        if bucket.starts_with('.') || !self.root.join(bucket).is_dir() {
            return Err(s3_error!(NoSuchBucket));
        }
        let root = self.root.join(FOLDER).join(bucket);
        let mut keys = BTreeSet::new();
        // Only the folder that the prefix is about, because a bucket may have many objects.
        let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
        if folder.split('/').any(|part| matches!(part, "." | "..")) {
            return Ok(Vec::new());
        }
        let folder = root.join(folder.trim_start_matches('/'));
        collect(&root, &folder, &mut keys).map_err(S3Error::internal_error)?;
        let keys = keys.into_iter().filter(|key| key.starts_with(prefix));
        keys.map(|key| self.place(bucket, &key)).collect()
    }

    /// Makes the latest version the current one.
    pub fn link(&self, place: &Place) -> io::Result<()> {
        let _linking = self.linking.lock().unwrap_or_else(PoisonError::into_inner);
        let linked = self.linked(place);
        let there = file(&linked)?;
        let latest = self.all(place)?.pop();
        let Some(version) = latest.filter(|version| !version.is_marker) else {
            return match there {
                Some(_) => fs::remove_file(linked),
                None => Ok(()),
            };
        };
        let kept = self.path(place, &version.id);
        if there.is_some_and(|there| fs::metadata(&kept).is_ok_and(|at| at.ino() == there.ino())) {
            return Ok(());
        }
        if let Some(folder) = linked.parent() {
            fs::create_dir_all(folder)?;
        }
        // Renamed into place, because another request may read the former version.
        let passing = self.root.join(format!(".tmp.{}", later()));
        fs::hard_link(kept, &passing)?;
        fs::rename(passing, linked)
    }

    /// Marks the object as deleted. Returns the marker's id.
    pub fn mark_deleted(&self, place: &Place) -> io::Result<String> {
        self.current(place)?;
        let marker = Version {
            id: later(),
            is_marker: true,
        };
        fs::create_dir_all(self.folder(place))?;
        fs::write(self.path(place, &marker.name()), b"")?;
        self.link(place)?;
        Ok(marker.id)
    }

    /// Removes a version for good. Returns it; `None` if there is no such version.
    pub fn remove(&self, place: &Place, id: &str) -> io::Result<Option<Version>> {
        let found = self.all(place)?.into_iter().find(|one| one.id == id);
        if let Some(version) = &found {
            fs::remove_file(self.path(place, &version.name()))?;
            self.link(place)?;
        }
        Ok(found)
    }
}

/// The folders in `folder` that hold versions.
fn collect(root: &Path, folder: &Path, keys: &mut BTreeSet<String>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            collect(root, &entry.path(), keys)?;
        } else if let Ok(key) = folder.strip_prefix(root) {
            keys.insert(key.to_string_lossy().into_owned());
        }
    }
    Ok(())
}

/// The metadata of a file; `None` if there is no file.
fn file(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::metadata(path) {
        Ok(file) => Ok(file.is_file().then_some(file)),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Ok(None),
            _ => Err(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_grow() {
        let many: Vec<_> = (0..100).map(|_| later()).collect();
        assert!(many.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn no_key_leads_out_of_its_bucket() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("files")).unwrap();
        let versions = Versions::new(root.path());
        assert!(versions.place("files", "a/b.pdf").is_ok());
        for (bucket, key) in [
            ("files", "../files/a"),
            ("files", "a/../../b"),
            ("files", "/a"),
            ("files", "a/"),
            ("files", ""),
            ("other", "a"),
            (".", "a"),
            ("..", "a"),
        ] {
            assert!(versions.place(bucket, key).is_err(), "{bucket} {key}");
        }
    }
}

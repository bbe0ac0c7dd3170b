//! What can be wrong with an archived month.

use std::fmt;

use transparency_log::Failure;

/// An object of the archive that can't be read, or isn't what it should be. It contains nothing of a row.
#[derive(Debug)]
pub struct ArchiveError {
    /// The key of the object.
    pub key: String,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with an object.
#[derive(Debug)]
pub enum Fault {
    /// It isn't there.
    Missing,
    /// It doesn't have the format of the archive.
    Malformed(&'static str),
    /// It isn't the object that the manifest or the database describes.
    Differs(&'static str),
    /// The store failed.
    Store(Failure),
}

impl Fault {
    pub(crate) fn of(self, key: &str) -> ArchiveError {
        ArchiveError {
            key: key.to_owned(),
            fault: self,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("it is missing"),
            Self::Malformed(what) => write!(f, "malformed: {what}"),
            Self::Differs(what) => write!(f, "another {what} than expected"),
            Self::Store(failure) => write!(f, "the store failed: {failure}"),
        }
    }
}

impl fmt::Display for ArchiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the archived object {}: {}", self.key, self.fault)
    }
}

impl std::error::Error for ArchiveError {}

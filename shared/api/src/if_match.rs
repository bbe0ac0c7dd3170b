//! `If-Match` (RFC 9110): a request to change a resource names the version that it is based on.

use errors::Error;
use http::{HeaderMap, header};

/// The version that a change is based on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfMatch {
    /// Any version: `*`.
    Any,
    /// This version.
    Version(i32),
    /// A tag that this API never gives. It matches no version.
    Unknown,
}

impl IfMatch {
    /// Reads the header.
    pub(crate) fn parse(headers: &HeaderMap) -> Option<Self> {
        let tag = headers.get(header::IF_MATCH)?.to_str().unwrap_or_default();
        if tag == "*" {
            return Some(Self::Any);
        }
        // A weak tag never matches (RFC 9110, 13.1.1).
        let version = tag
            .strip_prefix('"')
            .and_then(|tag| tag.strip_suffix('"'))
            .and_then(|version| version.parse().ok());
        Some(version.map_or(Self::Unknown, Self::Version))
    }

    /// Checks the resource's version. Errors: [`Error::PreconditionFailed`] if it is another one.
    pub fn check(self, version: i32) -> Result<(), Error> {
        match self {
            Self::Any => Ok(()),
            Self::Version(expected) if expected == version => Ok(()),
            Self::Version(_) | Self::Unknown => Err(Error::PreconditionFailed),
        }
    }
}

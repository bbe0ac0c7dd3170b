//! `If-Match` (RFC 9110): a change says which version it was made from.

use errors::Error;
use http::{HeaderMap, header};

/// The version a change was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfMatch {
    /// Whichever the resource has: `*`.
    Any,
    /// This one.
    Version(i32),
}

impl IfMatch {
    /// Reads the header. Errors: [`Error::PreconditionFailed`] for a tag that this API never gives.
    pub(crate) fn parse(headers: &HeaderMap) -> Result<Option<Self>, Error> {
        let Some(value) = headers.get(header::IF_MATCH) else {
            return Ok(None);
        };
        let parsed = match value.to_str() {
            Ok("*") => Some(Self::Any),
            // A weak tag never matches (RFC 9110, 13.1.1).
            Ok(tag) => tag
                .strip_prefix('"')
                .and_then(|tag| tag.strip_suffix('"'))
                .and_then(|version| version.parse().ok())
                .map(Self::Version),
            Err(_) => None,
        };
        parsed.map(Some).ok_or(Error::PreconditionFailed)
    }

    /// Errors: [`Error::PreconditionFailed`] if the resource has another version.
    pub fn check(self, version: i32) -> Result<(), Error> {
        match self {
            Self::Version(expected) if expected != version => Err(Error::PreconditionFailed),
            _ => Ok(()),
        }
    }
}

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
}

impl IfMatch {
    /// Parses the header. Errors: [`Error::PreconditionFailed`] for a tag that this API never sends.
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

    /// Checks the resource's version. Errors: [`Error::PreconditionFailed`] if it is another one.
    pub fn check(self, version: i32) -> Result<(), Error> {
        match self {
            Self::Version(expected) if expected != version => Err(Error::PreconditionFailed),
            _ => Ok(()),
        }
    }
}

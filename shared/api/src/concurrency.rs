//! `If-Match` (RFC 9110): a change says which version it was made from.

use http::{HeaderMap, header};

use crate::errors::Error;

/// The version a change was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfMatch {
    /// Whichever stands: `*`.
    Any,
    /// This one.
    Version(i32),
}

impl IfMatch {
    /// Reads the header. Errors: [`Error::PreconditionRequired`] without one,
    /// [`Error::PreconditionFailed`] for a tag that this API never gave.
    pub(crate) fn parse(headers: &HeaderMap) -> Result<Self, Error> {
        let value = headers
            .get(header::IF_MATCH)
            .ok_or(Error::PreconditionRequired)?;
        match value.to_str() {
            Ok("*") => Ok(Self::Any),
            // A weak tag never matches (RFC 9110, 13.1.1).
            Ok(tag) => tag
                .strip_prefix('"')
                .and_then(|tag| tag.strip_suffix('"'))
                .and_then(|version| version.parse().ok())
                .map(Self::Version)
                .ok_or(Error::PreconditionFailed),
            Err(_) => Err(Error::PreconditionFailed),
        }
    }

    /// Errors: [`Error::PreconditionFailed`] where another version stands.
    pub fn check(self, standing: i32) -> Result<(), Error> {
        match self {
            Self::Version(version) if version != standing => Err(Error::PreconditionFailed),
            _ => Ok(()),
        }
    }
}

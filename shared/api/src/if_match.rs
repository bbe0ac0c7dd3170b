//! `If-Match` (RFC 9110, 13.1.1): a request to change a resource names the versions that it is based on.

use errors::Error;
use http::HeaderMap;

use crate::entity_tags::{EntityTags, of_version};

/// The versions that a change may be based on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IfMatch(EntityTags);

impl IfMatch {
    /// Reads the header. None if it is missing. Errors: [`Error::MalformedHeader`].
    pub(crate) fn read(headers: &HeaderMap) -> Result<Option<Self>, Error> {
        Ok(EntityTags::read(headers, "If-Match")?.map(Self))
    }

    /// Checks the resource's version. Errors: [`Error::PreconditionFailed`] if the header doesn't name it.
    pub fn check(&self, version: i32) -> Result<(), Error> {
        match self
            .0
            .matches_strongly(Some(of_version(version).as_bytes()))
        {
            true => Ok(()),
            false => Err(Error::PreconditionFailed),
        }
    }

    /// Checks a request that creates a resource or replaces the one with this version. Errors:
    /// [`Error::PreconditionRequired`] if a resource is there and the header isn't, [`Error::PreconditionFailed`] if the
    /// header doesn't name its version or there is no resource.
    pub fn check_replacement(if_match: Option<Self>, version: Option<i32>) -> Result<(), Error> {
        match (version, if_match) {
            (Some(version), Some(if_match)) => if_match.check(version),
            (Some(_), None) => Err(Error::PreconditionRequired),
            (None, Some(_)) => Err(Error::PreconditionFailed),
            // What doesn't exist yet has no version to name.
            (None, None) => Ok(()),
        }
    }
}

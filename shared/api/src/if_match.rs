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
}

//! The header `If-Match` as an input.

use errors::Error;

use crate::argument::Input;
use crate::call::Call;
use crate::description::{Description, IfMatchKind};
use crate::if_match::IfMatch;
use crate::takes::Takes;

/// Errors: [`Error::PreconditionRequired`] without the header, [`Error::PreconditionFailed`] for a tag
/// that this API never sends.
impl Input for IfMatch {
    fn read(call: &Call, _: Takes) -> Result<Self, Error> {
        match IfMatch::parse(call.headers()) {
            None => Err(Error::PreconditionRequired),
            Some(IfMatch::Unknown) => Err(Error::PreconditionFailed),
            Some(if_match) => Ok(if_match),
        }
    }

    fn describe(description: &mut Description) {
        description.if_match = Some(IfMatchKind::Required);
    }
}

/// The header of a request that creates a resource or replaces an existing one.
impl Input for Option<IfMatch> {
    fn read(call: &Call, _: Takes) -> Result<Self, Error> {
        Ok(IfMatch::parse(call.headers()))
    }

    fn describe(description: &mut Description) {
        description.if_match = Some(IfMatchKind::ToReplace);
    }
}

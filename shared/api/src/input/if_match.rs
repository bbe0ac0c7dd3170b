//! The header `If-Match` as an input.

use errors::Error;

use crate::argument::Input;
use crate::call::Call;
use crate::description::{Description, IfMatchKind};
use crate::if_match::IfMatch;
use crate::takes::Takes;

/// Errors: [`Error::PreconditionRequired`] without the header, [`Error::MalformedHeader`] if it isn't a list of tags.
impl Input for IfMatch {
    fn read(call: &Call, _: Takes) -> Result<Self, Error> {
        IfMatch::read(call.headers())?.ok_or(Error::PreconditionRequired)
    }

    fn describe(description: &mut Description) {
        description.if_match = Some(IfMatchKind::Required);
    }
}

/// The header of a request that creates a resource or replaces an existing one.
impl Input for Option<IfMatch> {
    fn read(call: &Call, _: Takes) -> Result<Self, Error> {
        IfMatch::read(call.headers())
    }

    fn describe(description: &mut Description) {
        description.if_match = Some(IfMatchKind::ToReplace);
    }
}

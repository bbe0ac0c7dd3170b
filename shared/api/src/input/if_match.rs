//! The header `If-Match` as an input.

use errors::Error;
use settings::Misconfigured;

use crate::call::Call;
use crate::description::{Description, IfMatchKind};
use crate::if_match::IfMatch;
use crate::input::{Input, Takes};

/// Errors: [`Error::PreconditionRequired`] without the header, [`Error::PreconditionFailed`] for a tag
/// that this API never gives.
impl Input<Call> for IfMatch {
    type Settings = ();

    fn configure() -> Result<(), Misconfigured> {
        Ok(())
    }

    fn read(call: &Call, _: Takes, _: &'static ()) -> Result<Self, Error> {
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

/// For a request that may create what it replaces.
impl Input<Call> for Option<IfMatch> {
    type Settings = ();

    fn configure() -> Result<(), Misconfigured> {
        Ok(())
    }

    fn read(call: &Call, _: Takes, _: &'static ()) -> Result<Self, Error> {
        Ok(IfMatch::parse(call.headers()))
    }

    fn describe(description: &mut Description) {
        description.if_match = Some(IfMatchKind::ToReplace);
    }
}

//! The header `If-Match` as an input.

use errors::Error;
use settings::Misconfigured;

use crate::call::Call;
use crate::description::{Description, IfMatchKind};
use crate::if_match::IfMatch;
use crate::input::{Input, Takes};

/// Errors: [`Error::PreconditionRequired`] without the header.
impl Input<Call> for IfMatch {
    type Settings = ();

    fn configure() -> Result<(), Misconfigured> {
        Ok(())
    }

    fn read(call: &Call, _: Takes, _: &'static ()) -> Result<Self, Error> {
        IfMatch::parse(call.headers())?.ok_or(Error::PreconditionRequired)
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
        IfMatch::parse(call.headers())
    }

    fn describe(description: &mut Description) {
        description.if_match = Some(IfMatchKind::ToReplace);
    }
}

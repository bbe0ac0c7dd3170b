//! A parameter of the path.

use std::str::FromStr;

use errors::Error;
use schemars::JsonSchema;
use settings::Misconfigured;

use crate::call::Call;
use crate::description::Description;
use crate::input::{Input, Takes};

/// A parameter of the path. The first `Path` of a signature is the first parameter of the route, the
/// second the second. Errors: [`Error::NotFound`] if it is malformed: no resource can have it.
#[derive(Debug)]
pub struct Path<T>(pub T);

impl<T: FromStr + JsonSchema + Send> Input<Call> for Path<T> {
    const TAKES: Takes = Takes::PATH_PARAMETER;
    type Settings = ();

    fn configure() -> Result<(), Misconfigured> {
        Ok(())
    }

    fn read(call: &Call, before: Takes, _: &'static ()) -> Result<Self, Error> {
        call.path_parameter(before.path_parameters)
            .and_then(|text| text.parse().ok())
            .map(Self)
            .ok_or(Error::NotFound)
    }

    fn describe(description: &mut Description) {
        description.path.push(T::json_schema);
    }
}

//! A path parameter.

use std::str::FromStr;

use errors::Error;
use schemars::JsonSchema;

use crate::argument::Input;
use crate::call::Call;
use crate::description::Description;
use crate::takes::Takes;

/// A path parameter. The first `Path` of a signature is the first parameter of the route, the second
/// `Path` the second. Errors: [`Error::NotFound`] if it is malformed, because no resource can have it.
#[derive(Debug)]
pub struct Path<T>(pub T);

impl<T: FromStr + JsonSchema + Send> Input for Path<T> {
    const TAKES: Takes = Takes::PATH_PARAMETER;

    fn read(call: &Call, before: Takes) -> Result<Self, Error> {
        call.path_parameter(before.path_parameters)
            .and_then(|text| text.parse().ok())
            .map(Self)
            .ok_or(Error::NotFound)
    }

    fn describe(description: &mut Description) {
        description.path.push(T::json_schema);
    }
}

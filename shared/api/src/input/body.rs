//! A JSON body.

use errors::Error;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use settings::Misconfigured;

use crate::call::Call;
use crate::description::{BodyKind, Description};
use crate::input::{Input, Takes};

/// A body of `application/json`. Errors: it is not JSON, not declared as JSON or too large; or a field
/// is unknown, missing, repeated or not of its type.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned + JsonSchema + Send> Input<Call> for Body<T> {
    const TAKES: Takes = Takes::BODY;
    type Settings = ();

    fn configure() -> Result<(), Misconfigured> {
        Ok(())
    }

    fn read(call: &Call, _: Takes, _: &'static ()) -> Result<Self, Error> {
        let value = parsing::json(call.body("application/json")?)?;
        parsing::typed(value, "").map(Self)
    }

    fn describe(description: &mut Description) {
        description.body = Some(BodyKind::Whole(T::json_schema));
    }
}

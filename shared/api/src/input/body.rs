//! A JSON body.

use errors::Error;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::argument::Input;
use crate::call::Call;
use crate::description::{BodyKind, Description};
use crate::takes::Takes;

/// A body of `application/json`. Errors: the body isn't JSON, has another `Content-Type` or is too
/// large; or a field is unknown, missing, repeated or not of its type.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned + JsonSchema + Send> Input for Body<T> {
    const TAKES: Takes = Takes::BODY;

    fn read(call: &Call, _: Takes) -> Result<Self, Error> {
        let value = parsing::json(call.body("application/json")?)?;
        parsing::typed(value, "").map(Self)
    }

    fn describe(description: &mut Description) {
        description.body = Some(BodyKind::Whole(T::json_schema));
    }
}

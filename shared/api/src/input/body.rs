//! A JSON body.

use errors::Error;
use parsing::{Document, Sound};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::argument::Input;
use crate::call::Call;
use crate::description::{BodyKind, Description};
use crate::takes::Takes;

/// A body of `application/json`. Errors: the body isn't JSON, has another `Content-Type` or is too
/// large; or fields are unknown, missing, repeated or not of their types.
#[derive(Debug)]
pub struct Body<T>(pub T);

/// A body whose fields must fit together. Errors: as for [`Body`], and [`Check::check`] refuses it. One answer
/// names all faults.
#[derive(Debug)]
pub struct CheckedBody<T>(pub T);

/// What the fields of a request say together.
pub trait Check {
    /// Checks the fields. Errors: they don't fit together. If a field is at fault by itself, another value
    /// stands in for it and it isn't in `sound`, and errors of that field are left out.
    fn check(&self, sound: &Sound<'_>) -> Result<(), Error>;
}

impl<T: DeserializeOwned + JsonSchema + Send> Input for Body<T> {
    const TAKES: Takes = Takes::BODY;

    fn read(call: &Call, _: Takes) -> Result<Self, Error> {
        read(call, |_, _| Ok(())).map(Self)
    }

    fn describe(description: &mut Description) {
        description.body = Some(BodyKind::Whole(T::json_schema));
    }
}

impl<T: DeserializeOwned + JsonSchema + Send + Check> Input for CheckedBody<T> {
    const TAKES: Takes = Takes::BODY;

    fn read(call: &Call, _: Takes) -> Result<Self, Error> {
        read(call, T::check).map(Self)
    }

    fn describe(description: &mut Description) {
        description.body = Some(BodyKind::Whole(T::json_schema));
    }
}

fn read<T: DeserializeOwned>(
    call: &Call,
    check: impl FnOnce(&T, &Sound<'_>) -> Result<(), Error>,
) -> Result<T, Error> {
    let Document { value, faults } = parsing::json(call.body("application/json")?)?;
    parsing::checked(&value, "", faults, check)
}

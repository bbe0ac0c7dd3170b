//! The query's parameters.

use errors::Error;
use parsing::form;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use settings::Misconfigured;

use crate::call::Call;
use crate::description::Description;
use crate::input::{Input, Takes};

/// The query's parameters, but for those of a page. Errors: a parameter is unknown, missing, repeated
/// or not of its type.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned + JsonSchema + Send> Input<Call> for Query<T> {
    const TAKES: Takes = Takes::QUERY;
    type Settings = ();

    fn configure() -> Result<(), Misconfigured> {
        Ok(())
    }

    fn read(call: &Call, _: Takes, _: &'static ()) -> Result<Self, Error> {
        form(call.query(), |name| !call.is_of_page(name)).map(Self)
    }

    fn describe(description: &mut Description) {
        description.query = Some(T::json_schema);
    }
}

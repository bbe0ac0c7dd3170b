//! The query parameters.

use errors::Error;
use parsing::form;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::argument::Input;
use crate::call::Call;
use crate::description::Description;
use crate::takes::Takes;

/// The query parameters without `limit` and `cursor` of a page. Errors: a parameter is unknown,
/// missing, repeated or not of its type.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned + JsonSchema + Send> Input for Query<T> {
    const TAKES: Takes = Takes::QUERY;

    fn read(call: &Call, _: Takes) -> Result<Self, Error> {
        form(call.query(), call.page_parameters()).map(Self)
    }

    fn describe(description: &mut Description) {
        description.query = Some(T::json_schema);
    }
}

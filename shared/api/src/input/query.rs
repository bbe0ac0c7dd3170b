//! The query parameters.

use errors::Error;
use parsing::form;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::argument::Input;
use crate::call::Call;
use crate::description::Description;
use crate::input::Check;
use crate::takes::Takes;

/// The query parameters without `limit` and `cursor` of a page. Errors: parameters are unknown,
/// missing, repeated or not of their types.
#[derive(Debug)]
pub struct Query<T>(pub T);

/// Query parameters that must fit together. Errors: as for [`Query`], and [`Check::check`] refuses them.
#[derive(Debug)]
pub struct CheckedQuery<T>(pub T);

impl<T: DeserializeOwned + JsonSchema + Send> Input for Query<T> {
    const TAKES: Takes = Takes::QUERY;

    fn read(call: &Call, _: Takes) -> Result<Self, Error> {
        form(call.query(), call.page_parameters(), |_, _| Ok(())).map(Self)
    }

    fn describe(description: &mut Description) {
        description.query = Some(T::json_schema);
    }
}

impl<T: DeserializeOwned + JsonSchema + Send + Check> Input for CheckedQuery<T> {
    const TAKES: Takes = Takes::QUERY;

    fn read(call: &Call, _: Takes) -> Result<Self, Error> {
        form(call.query(), call.page_parameters(), T::check).map(Self)
    }

    fn describe(description: &mut Description) {
        description.query = Some(T::json_schema);
    }
}

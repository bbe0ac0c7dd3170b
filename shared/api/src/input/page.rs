//! The parameters `limit` and `cursor` as an input.

use errors::Error;
use parsing::form;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use settings::Misconfigured;

use crate::call::Call;
use crate::description::Description;
use crate::input::{Input, Takes};
use crate::pages::PageRequest;

#[derive(Deserialize)]
struct Parameters {
    limit: Option<u32>,
    cursor: Option<String>,
}

impl<K: Serialize + DeserializeOwned + Send> Input<Call> for PageRequest<K> {
    const TAKES: Takes = Takes::PAGE;
    type Settings = ();

    fn configure() -> Result<(), Misconfigured> {
        Ok(())
    }

    fn read(call: &Call, _: Takes, _: &'static ()) -> Result<Self, Error> {
        let Parameters { limit, cursor } = form(call.query(), |name| call.is_of_page(name))?;
        call.page(limit, cursor.as_deref())
    }

    fn describe(description: &mut Description) {
        description.is_paged = true;
    }
}

//! The parameters `limit` and `cursor` as an input.

use errors::Error;
use parsing::form;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::argument::Input;
use crate::call::Call;
use crate::description::Description;
use crate::pages::{Limit, PageRequest};
use crate::takes::Takes;

/// Ignores all other parameters: `Query` reads them, or nothing does and they are refused.
#[derive(Deserialize)]
struct Parameters {
    limit: Option<Limit>,
    cursor: Option<String>,
}

impl<K: Serialize + DeserializeOwned + Send> Input for PageRequest<K> {
    const TAKES: Takes = Takes::PAGE;

    fn read(call: &Call, _: Takes) -> Result<Self, Error> {
        let mut page = None;
        form(call.query(), &[], |Parameters { limit, cursor }, _| {
            let read = call.page_of(*limit, cursor.as_deref(), Error::invalid_parameter)?;
            page = Some(read);
            Ok(())
        })?;
        page.ok_or(Error::Internal("the parameters of a page weren't checked"))
    }

    fn describe(description: &mut Description) {
        description.is_paged = true;
    }
}

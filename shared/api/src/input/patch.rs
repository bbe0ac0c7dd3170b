//! A merge patch as an input.

use errors::Error;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::argument::Input;
use crate::call::Call;
use crate::description::{BodyKind, Description};
use crate::patch::Patch;
use crate::reply::MERGE_PATCH;
use crate::takes::Takes;

impl<T: Serialize + DeserializeOwned + JsonSchema> Input for Patch<T> {
    const TAKES: Takes = Takes::BODY;

    fn read(call: &Call, _: Takes) -> Result<Self, Error> {
        Self::parse(call.body(MERGE_PATCH)?)
    }

    fn describe(description: &mut Description) {
        description.body = Some(BodyKind::MergePatch(T::json_schema));
    }
}

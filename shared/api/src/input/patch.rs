//! A merge patch.

use std::marker::PhantomData;

use errors::Error;
use parsing::MergePatch;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use settings::Misconfigured;

use crate::call::Call;
use crate::description::{BodyKind, Description};
use crate::input::{Input, Takes};

/// A body of `application/merge-patch+json` (RFC 7396): changes to a `T`. Errors as for
/// [`Body`](crate::input::Body).
#[derive(Debug)]
pub struct Patch<T> {
    patch: MergePatch,
    of: PhantomData<fn() -> T>,
}

impl<T: Serialize + DeserializeOwned> Patch<T> {
    /// `current` with the changes. Errors: the result doesn't fit `T`. The error names the field.
    pub fn apply(&self, current: &T) -> Result<T, Error> {
        self.patch.apply(current)
    }

    /// Whether the patch names this field.
    pub fn names(&self, field: &str) -> bool {
        self.patch.names(field)
    }

    /// The names of the fields that the patch names.
    pub fn fields(&self) -> Vec<String> {
        self.patch.fields()
    }
}

impl<T: Serialize + DeserializeOwned + JsonSchema> Input<Call> for Patch<T> {
    const TAKES: Takes = Takes::BODY;
    type Settings = ();

    fn configure() -> Result<(), Misconfigured> {
        Ok(())
    }

    fn read(call: &Call, _: Takes, _: &'static ()) -> Result<Self, Error> {
        let patch = MergePatch::parse(call.body("application/merge-patch+json")?)?;
        let of = PhantomData;
        Ok(Self { patch, of })
    }

    fn describe(description: &mut Description) {
        description.body = Some(BodyKind::MergePatch(T::json_schema));
    }
}

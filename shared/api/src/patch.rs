//! A merge patch (RFC 7396) to a value of one type.

use std::marker::PhantomData;

use errors::Error;
use parsing::{MergePatch, Sound};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The changes to a `T`, from a body of `application/merge-patch+json` (RFC 7396). Errors: as for
/// [`Body`](crate::input::Body).
#[derive(Debug)]
pub struct Patch<T> {
    patch: MergePatch,
    of: PhantomData<fn() -> T>,
}

impl<T: Serialize + DeserializeOwned> Patch<T> {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Error> {
        let patch = MergePatch::parse(body)?;
        let of = PhantomData;
        Ok(Self { patch, of })
    }

    /// Returns `current` with the changes. Errors: the result doesn't fit `T`, or `check` refuses it. The error
    /// names all fields at fault.
    pub fn apply(
        &self,
        current: &T,
        check: impl FnOnce(&T, &Sound<'_>) -> Result<(), Error>,
    ) -> Result<T, Error> {
        self.patch.apply(current, check)
    }

    /// Whether the patch changes this field.
    pub fn names(&self, field: &str) -> bool {
        self.patch.names(field)
    }

    /// The names of the fields that the patch changes.
    pub fn fields(&self) -> Vec<String> {
        self.patch.fields()
    }
}

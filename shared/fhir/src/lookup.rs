//! Resolves the references of a bundle to its own entries.

use std::collections::HashMap;

use crate::bundle::{Content, Entry};
use crate::resources::{Reference, Resource};

/// The entries of a bundle by `fullUrl`.
#[derive(Debug)]
pub struct Lookup<'a>(HashMap<&'a str, &'a Entry>);

impl<'a> Lookup<'a> {
    /// Indexes these entries.
    pub fn new(entries: &'a [Entry]) -> Self {
        Self(
            entries
                .iter()
                .filter_map(|entry| Some((entry.full_url.as_deref()?, entry)))
                .collect(),
        )
    }

    /// The entry with this `fullUrl`.
    pub fn entry(&self, url: &str) -> Option<&'a Entry> {
        self.0.get(url).copied()
    }

    /// The resource a reference points to; `None` when that entry isn't carried over.
    ///
    /// # Errors
    /// The bundle has no such entry.
    pub fn resource(&self, reference: &Reference) -> Result<Option<&'a Resource>, String> {
        match self.entry(&reference.reference).map(|entry| &entry.content) {
            Some(Content::Carried(resource, _)) => Ok(Some(resource)),
            Some(_) => Ok(None),
            None => Err("refers to an entry that isn't in the bundle".into()),
        }
    }
}

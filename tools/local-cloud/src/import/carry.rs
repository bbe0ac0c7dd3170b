//! What a FHIR resource becomes in Caretrail's API: plain JSON bodies, no request yet.

pub mod people;
pub mod records;
pub mod visits;
mod words;

use std::collections::HashMap;

use super::bundle::{Content, Entry};
use super::fhir::{Reference, Resource};

/// What a bundle's references resolve in: its own entries.
#[derive(Debug)]
pub struct Lookup<'a>(HashMap<&'a str, &'a Entry>);

impl<'a> Lookup<'a> {
    /// Over these entries.
    pub fn new(entries: &'a [Entry]) -> Self {
        Self(
            entries
                .iter()
                .filter_map(|entry| Some((entry.full_url.as_deref()?, entry)))
                .collect(),
        )
    }

    /// The entry of this `fullUrl`.
    pub fn entry(&self, url: &str) -> Option<&'a Entry> {
        self.0.get(url).copied()
    }

    /// The resource that is referred to; none when the entry is there and not carried over.
    pub fn resource(&self, reference: &Reference) -> Result<Option<&'a Resource>, String> {
        match self.entry(&reference.reference).map(|entry| &entry.content) {
            Some(Content::Carried(resource, _)) => Ok(Some(resource)),
            Some(_) => Ok(None),
            None => Err("refers to an entry that isn't in the bundle".into()),
        }
    }
}

/// What was carried over less precisely than it was said.
pub type Notes = Vec<String>;

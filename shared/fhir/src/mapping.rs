//! What a FHIR resource becomes in Caretrail's API: plain JSON bodies, no request yet.

mod current;
pub mod people;
pub mod records;
pub mod visits;
pub(crate) mod words;

use crate::bundle::{Content, Entry};
use crate::lookup::Lookup;
use crate::resources::{Reference, Resource};

/// What is carried over less precisely than the resource says it.
pub type Notes = Vec<String>;

/// Maps one entry.
#[derive(Debug)]
pub struct Mapper<'a> {
    /// The entry.
    pub entry: &'a Entry,
    /// All entries that its references may point to.
    pub lookup: &'a Lookup<'a>,
    /// What was carried over less precisely.
    pub notes: Notes,
}

impl<'a> Mapper<'a> {
    /// A mapper without notes.
    pub fn new(entry: &'a Entry, lookup: &'a Lookup<'a>) -> Self {
        Self {
            entry,
            lookup,
            notes: Notes::new(),
        }
    }

    /// Adds a note.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// The entry that the reference points to. A note says if there is none.
    pub fn find(&mut self, reference: &Reference, kind: &str) -> Option<&'a Entry> {
        let found = self.lookup.entry(reference, self.entry, kind);
        if found.is_none() {
            self.note(format!(
                "refers to a resource of type {kind} that isn't in the import"
            ));
        }
        found
    }

    /// The resource that the reference points to, if it is carried over. A note says if there is no such entry.
    pub fn resource(&mut self, reference: &Reference, kind: &str) -> Option<&'a Resource> {
        match &self.find(reference, kind)?.content {
            Content::Carried(resource) => Some(resource),
            _ => None,
        }
    }
}

//! The conditions that a resource gives as its reason.

use super::carried::MAX_COLUMN;
use crate::mapping::Mapper;
use crate::mapping::words::{label, words};
use crate::resources::{Concept, Reference, Resource};

/// The codes of the conditions that these references point to. Other resources are left out.
pub fn conditions<'a>(references: &[Reference], mapper: &mut Mapper<'a>) -> Vec<&'a Concept> {
    let found = references.iter().filter_map(|reference| {
        match mapper.resource(reference, "Condition")? {
            Resource::Condition(condition) => Some(&condition.code),
            _ => None,
        }
    });
    found.collect()
}

/// The concepts in words, as a record's `diagnosis`.
pub fn labels(concepts: &[&Concept]) -> Option<String> {
    let labels: Vec<_> = concepts
        .iter()
        .filter_map(|concept| label(concept, 500))
        .collect();
    words(&labels.join("; "), MAX_COLUMN)
}

//! The conditions that a resource gives as its reason.

use super::carried::MAX_COLUMN;
use crate::lookup::Lookup;
use crate::mapping::words::{label, words};
use crate::resources::{Concept, Reference, Resource};

/// The codes of the conditions that these references point to. Other resources are left out.
///
/// # Errors
/// A reference points to an entry that isn't in the bundle.
pub fn conditions<'a>(
    references: &[Reference],
    lookup: &Lookup<'a>,
) -> Result<Vec<&'a Concept>, String> {
    let resources = references
        .iter()
        .map(|reference| lookup.resource(reference));
    let resources: Vec<_> = resources.collect::<Result<_, String>>()?;
    let conditions = resources.into_iter().filter_map(|resource| match resource {
        Some(Resource::Condition(condition)) => Some(&condition.code),
        _ => None,
    });
    Ok(conditions.collect())
}

/// The concepts in words, as a record's `diagnosis`.
pub fn labels(concepts: &[&Concept]) -> Option<String> {
    let labels: Vec<_> = concepts
        .iter()
        .filter_map(|concept| label(concept, 500))
        .collect();
    words(&labels.join("; "), MAX_COLUMN)
}

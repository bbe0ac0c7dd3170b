//! Resolves references to the entries that were read together.
//!
//! <https://hl7.org/fhir/R4/bundle.html#references> and <https://hl7.org/fhir/R4/references.html>

use std::collections::HashMap;
use std::collections::hash_map::Entry as Place;

use crate::bundle::Entry;
use crate::resources::Reference;

/// The entries by the ways in which a reference can name them.
#[derive(Debug, Default)]
pub struct Lookup<'a> {
    by_url: HashMap<String, &'a Entry>,
    /// By `Type/id`. None if two entries have the same, so that neither is meant for certain.
    by_id: HashMap<String, Option<&'a Entry>>,
    /// By type, system and value of an identifier.
    by_identifier: HashMap<(&'a str, &'a str, &'a str), Option<&'a Entry>>,
}

impl<'a> Lookup<'a> {
    /// Indexes these entries.
    pub fn new(entries: impl IntoIterator<Item = &'a Entry>) -> Self {
        let mut lookup = Self::default();
        for entry in entries {
            lookup.add(entry);
        }
        lookup
    }

    fn add(&mut self, entry: &'a Entry) {
        if let Some(url) = &entry.full_url {
            self.by_url.entry(normal(url)).or_insert(entry);
        }
        if let Some(id) = entry.frame.id() {
            let id = format!("{}/{id}", entry.kind);
            unless_twice(self.by_id.entry(id), entry);
        }
        for identifier in entry.frame.identifiers() {
            if let (Some(system), Some(value)) = (&identifier.system, &identifier.value) {
                let key = (entry.kind.as_str(), system.as_str(), value.as_str());
                unless_twice(self.by_identifier.entry(key), entry);
            }
        }
    }

    /// The entry that the reference in `from` points to. `kind` is the type that a reference has that names
    /// only an identifier.
    pub fn entry(&self, reference: &Reference, from: &'a Entry, kind: &str) -> Option<&'a Entry> {
        if let Some(url) = &reference.reference {
            return self.by_reference(url, from);
        }
        let identifier = reference.identifier.as_ref()?;
        let kind = reference.r#type.as_deref().unwrap_or(kind);
        self.by_identifier(
            kind,
            identifier.system.as_deref()?,
            identifier.value.as_deref()?,
        )
    }

    fn by_reference(&self, reference: &str, from: &'a Entry) -> Option<&'a Entry> {
        if let Some(id) = reference.strip_prefix('#') {
            let contained = from.contained.iter();
            return contained.into_iter().find(|it| it.frame.id() == Some(id));
        }
        if let Some((kind, query)) = reference.split_once('?') {
            let (name, value) = form_urlencoded::parse(query.as_bytes()).next()?;
            let (system, value) = (name == "identifier").then(|| value.split_once('|'))??;
            return self.by_identifier(kind, system, value);
        }
        // The present version stands for a version that is named.
        let reference = reference
            .split_once("/_history/")
            .map_or(reference, |(resource, _)| resource);
        if has_scheme(reference) {
            return self.by_url.get(&normal(reference)).copied();
        }
        let beside = from.base().and_then(|base| {
            let url = format!("{base}/{reference}");
            self.by_url.get(&url).copied()
        });
        beside.or_else(|| self.by_id.get(reference).copied().flatten())
    }

    fn by_identifier(&self, kind: &str, system: &str, value: &str) -> Option<&'a Entry> {
        self.by_identifier
            .get(&(kind, system, value))
            .copied()
            .flatten()
    }
}

/// Keeps the entry, unless another one has the same place. A resource that was read twice is still one.
fn unless_twice<'a, K>(place: Place<'_, K, Option<&'a Entry>>, entry: &'a Entry) {
    match place {
        Place::Occupied(mut known) => {
            if known.get().is_some_and(|known| known.key != entry.key) {
                known.insert(None);
            }
        }
        Place::Vacant(free) => drop(free.insert(Some(entry))),
    }
}

/// A UUID may be written in capital letters (RFC 9562); other addresses are compared as they stand.
fn normal(url: &str) -> String {
    let prefix = url.get(.."urn:".len());
    match prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case("urn:")) {
        true => url.to_ascii_lowercase(),
        false => url.to_owned(),
    }
}

/// Whether it begins with a scheme (RFC 3986, section 3.1).
fn has_scheme(reference: &str) -> bool {
    reference.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::read;
    use serde_json::{Value, json};

    const BASE: &str = "https://ehr.example.org/fhir";

    fn entries(bundle: &Value) -> Vec<Entry> {
        read(bundle.to_string().as_bytes(), "test".into()).unwrap()
    }

    /// The index of the entry that the first entry's reference finds among these.
    fn found(reference: Value, others: &[Value]) -> Option<usize> {
        let mut all = vec![json!({
            "fullUrl": format!("{BASE}/Encounter/1"),
            "resource": {"resourceType": "Encounter", "id": "1", "status": "finished", "class": {},
                "contained": [{"resourceType": "Practitioner", "id": "inside", "name": [], "identifier": []}]}
        })];
        all.extend_from_slice(others);
        let entries = entries(&json!({"resourceType": "Bundle", "entry": all}));
        let lookup = Lookup::new(&entries);
        let reference: Reference = serde_json::from_value(reference).unwrap();
        let found = lookup.entry(&reference, &entries[0], "Practitioner")?;
        let place = entries.iter().position(|entry| std::ptr::eq(entry, found));
        Some(place.unwrap_or(usize::MAX))
    }

    fn practitioner(url: Option<&str>, id: &str, number: &str) -> Value {
        let mut entry = json!({"resource": {"resourceType": "Practitioner", "id": id, "name": [],
            "identifier": [{"system": "http://example.org/npi", "value": number}]}});
        if let Some(url) = url {
            entry["fullUrl"] = url.into();
        }
        entry
    }

    #[test]
    fn each_form_of_a_reference_finds_its_entry() {
        let uuid = "urn:uuid:5d9c2c57-3f4b-4a0e-8a6e-6c1f6a2b7c02";
        let others = [
            practitioner(Some(&format!("{BASE}/Practitioner/7")), "7", "N-7"),
            practitioner(Some(uuid), "8", "N-8"),
            practitioner(
                Some("https://other.example.org/fhir/Practitioner/9"),
                "9",
                "N-9",
            ),
            practitioner(None, "10", "N-10"),
        ];
        for (reference, expected) in [
            (json!({"reference": "Practitioner/7"}), Some(1)),
            (
                json!({"reference": format!("{BASE}/Practitioner/7")}),
                Some(1),
            ),
            (json!({"reference": "Practitioner/7/_history/3"}), Some(1)),
            (json!({"reference": uuid}), Some(2)),
            (json!({"reference": uuid.to_uppercase()}), Some(2)),
            // Entries whose fullUrl is a UUID, or that have none, are found by their id.
            (json!({"reference": "Practitioner/8"}), Some(2)),
            (json!({"reference": "Practitioner/10"}), Some(4)),
            (
                json!({"reference": "Practitioner?identifier=http://example.org/npi|N-9"}),
                Some(3),
            ),
            (
                json!({"reference": "Practitioner?identifier=http%3A%2F%2Fexample.org%2Fnpi%7CN-9"}),
                Some(3),
            ),
            (
                json!({"identifier": {"system": "http://example.org/npi", "value": "N-8"}}),
                Some(2),
            ),
            (json!({"reference": "#inside"}), Some(usize::MAX)),
            (json!({"reference": "#outside"}), None),
            (
                json!({"reference": "https://third.example.org/fhir/Practitioner/7"}),
                None,
            ),
            (json!({"reference": "Practitioner?name=Vera"}), None),
            (json!({"reference": "Patient/7"}), None),
            (json!({"identifier": {"value": "N-8"}}), None),
            (json!({"display": "Vera Example"}), None),
        ] {
            assert_eq!(found(reference.clone(), &others), expected, "{reference}");
        }
    }

    #[test]
    fn a_reference_that_could_mean_two_entries_finds_neither() {
        let others = [
            practitioner(Some("https://a.example.org/Practitioner/7"), "7", "N-7"),
            practitioner(Some("https://b.example.org/Practitioner/7"), "7", "N-7"),
        ];
        let by_id = json!({"reference": "Practitioner/7"});
        assert_eq!(found(by_id, &others), None);
        let by_number = json!({"identifier": {"system": "http://example.org/npi", "value": "N-7"}});
        assert_eq!(found(by_number, &others), None);
    }
}

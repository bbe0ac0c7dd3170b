//! Reads a bundle entry by entry and keeps only what is carried over.

use std::collections::HashSet;
use std::fmt;
use std::io::Read;

use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::modifiers;
use crate::parse::typed;
use crate::resources::{Frame, Resource};

/// An entry of a bundle.
#[derive(Debug)]
pub struct Entry {
    /// Its index in the bundle, from 0.
    pub index: usize,
    /// The `fullUrl`, which the bundle's references use.
    pub full_url: Option<String>,
    /// The resource's type; "?" if it has none.
    pub kind: String,
    /// Its resource, if that is carried over.
    pub content: Content,
}

/// The result of reading an entry.
#[derive(Debug)]
pub enum Content {
    /// A resource to carry over.
    Carried(Box<Resource>, Box<Frame>),
    /// A resource of a type that isn't carried over.
    Aside,
    /// A resource that the API can't say as it is meant, with the reason.
    LeftOut(String),
    /// A resource that can't be read, with the reason.
    Bad(String),
}

/// Reads the entries of a bundle, in the bundle's order, without keeping the text.
///
/// # Errors
/// The source can't be read, isn't JSON, or isn't a Bundle. The error may quote the source: don't
/// show it where patient data must not appear.
pub fn read(source: impl Read) -> serde_json::Result<Vec<Entry>> {
    let mut json = serde_json::Deserializer::from_reader(source);
    let entries = Bundle.deserialize(&mut json)?;
    json.end()?;
    Ok(entries)
}

struct Bundle;

impl<'de> DeserializeSeed<'de> for Bundle {
    type Value = Vec<Entry>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Bundle {
    type Value = Vec<Entry>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a FHIR Bundle")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = None;
        let mut is_bundle = false;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "resourceType" => is_bundle = map.next_value::<serde_json::Value>()? == "Bundle",
                "entry" => entries = Some(map.next_value_seed(Entries)?),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        if is_bundle {
            Ok(entries.unwrap_or_default())
        } else {
            Err(A::Error::custom("not a Bundle"))
        }
    }
}

struct Entries;

impl<'de> DeserializeSeed<'de> for Entries {
    type Value = Vec<Entry>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Entries {
    type Value = Vec<Entry>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("entries")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        let mut seen = HashSet::new();
        while let Some(raw) = sequence.next_element::<Box<RawValue>>()? {
            let mut entry = parse(entries.len(), &raw);
            if let Some(url) = &entry.full_url
                && !seen.insert(url.clone())
            {
                entry.content = Content::Bad("its fullUrl repeats that of an earlier entry".into());
            }
            entries.push(entry);
        }
        Ok(entries)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outer {
    full_url: Option<String>,
    resource: Box<RawValue>,
}

fn parse(index: usize, raw: &RawValue) -> Entry {
    let bad = |full_url, kind, reason| Entry {
        index,
        full_url,
        kind,
        content: Content::Bad(reason),
    };
    let unknown = || "?".to_owned();
    let outer: Outer = match typed(raw) {
        Ok(outer) => outer,
        Err(reason) => return bad(None, unknown(), reason),
    };
    let full_url = outer.full_url.filter(|url| !url.is_empty());
    let frame: Frame = match typed(&outer.resource) {
        Ok(frame) => frame,
        Err(reason) => return bad(full_url, unknown(), reason),
    };
    let kind = frame.resource_type.clone();
    if full_url.is_none() {
        return bad(None, kind, "has no fullUrl".into());
    }
    if full_url.as_ref().is_some_and(|url| url.len() > MAX_URL) {
        return bad(None, kind, format!("its fullUrl is longer than {MAX_URL}"));
    }
    let content = match Resource::parse(&frame, &outer.resource) {
        None => Content::Aside,
        Some(parsed) => match (modifiers::reason(&frame, &outer.resource), parsed) {
            (Some(reason), _) => Content::LeftOut(reason),
            (None, Ok(resource)) => Content::Carried(Box::new(resource), Box::new(frame)),
            (None, Err(reason)) => Content::Bad(reason),
        },
    };
    Entry {
        index,
        full_url,
        kind,
        content,
    }
}

/// The system of a `fullUrl` as an identifier: FHIR has it for URIs
/// (<https://hl7.org/fhir/R4/identifier-registry.html>).
pub const SOURCE_SYSTEM: &str = "urn:ietf:rfc:3986";

/// The longest `external_id` that the API takes.
const MAX_URL: usize = 255;

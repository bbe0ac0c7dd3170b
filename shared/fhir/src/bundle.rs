//! Reads FHIR resources entry by entry and keeps only what is carried over: a Bundle, single resources, or one after
//! the other as NDJSON has them.

use std::collections::HashSet;
use std::fmt;
use std::io::Read;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::{RawValue, to_raw_value};
use uuid::Uuid;

use crate::modifiers;
use crate::parse::{beyond_both, typed};
use crate::resources::{Frame, Resource};

/// An entry of a bundle, or a resource that stands alone.
#[derive(Debug)]
pub struct Entry {
    /// The name of the source that it was read from.
    pub source: Arc<str>,
    /// Its index in the source, from 0.
    pub index: usize,
    /// The `fullUrl`.
    pub full_url: Option<String>,
    /// Identifies the resource: the `fullUrl`, or else `Type/id`, or else a UUID of its content.
    pub key: String,
    /// The resource's type; "?" if it has none.
    pub kind: String,
    /// The elements that all resources about a patient share.
    pub frame: Box<Frame>,
    /// The resources that it contains.
    pub contained: Vec<Entry>,
    /// Its resource, if that is carried over.
    pub content: Content,
    /// The paths of its elements that have no place in Caretrail, such as `Patient.photo`.
    pub unmapped: Vec<String>,
}

impl Entry {
    /// The address of the server that its `fullUrl` names, without the type and id at the end.
    pub(crate) fn base(&self) -> Option<&str> {
        let url = self.full_url.as_deref()?;
        let (above, _) = url.rsplit_once('/')?;
        above.strip_suffix(&self.kind)?.strip_suffix('/')
    }
}

/// The result of reading an entry.
#[derive(Debug)]
pub enum Content {
    /// A resource to carry over.
    Carried(Box<Resource>),
    /// A resource of a type that isn't carried over.
    Aside,
    /// A resource that the API can't say as it is meant, with the reason to leave it out. What was imported of it before is
    /// withdrawn. The resource is `None` if it can't be read.
    LeftOut(String, Option<Box<Resource>>),
    /// A resource that can't be read, with the reason.
    Bad(String),
}

/// The fault of a source.
#[derive(Debug)]
pub enum ReadError {
    /// It can't be read or isn't JSON. The error may quote the source: don't show it where patient data must not
    /// appear.
    Json(serde_json::Error),
    /// It is a Bundle of type `history`, in which a resource stands in several versions.
    History,
}

/// Reads the entries of all Bundles and resources of the source, in their order, without keeping the text.
///
/// # Errors
/// The source can't be read, isn't JSON, or has something else than FHIR resources.
pub fn read(source: impl Read, name: Arc<str>) -> Result<Vec<Entry>, ReadError> {
    let mut reading = Reading {
        source: name,
        entries: Vec::new(),
        seen: HashSet::new(),
        is_history: false,
    };
    let mut json = serde_json::Deserializer::from_reader(source);
    loop {
        let document = Document(&mut reading).deserialize(&mut json);
        if reading.is_history {
            return Err(ReadError::History);
        }
        document.map_err(ReadError::Json)?;
        match json.end() {
            Ok(()) => return Ok(reading.entries),
            // Another resource follows.
            Err(error) if error.is_syntax() => {}
            Err(error) => return Err(ReadError::Json(error)),
        }
    }
}

struct Reading {
    source: Arc<str>,
    entries: Vec<Entry>,
    seen: HashSet<String>,
    is_history: bool,
}

impl Reading {
    fn push(&mut self, full_url: Option<String>, resource: &RawValue) {
        let mut entry = self.entry(full_url.filter(|url| !url.is_empty()), resource);
        if !self.seen.insert(entry.key.clone()) {
            entry.content = Content::Bad("repeats an earlier entry".into());
        }
        self.entries.push(entry);
    }

    /// An entry whose resource can't be read.
    fn bad(&self, full_url: Option<String>, reason: String) -> Entry {
        Entry {
            source: self.source.clone(),
            index: self.entries.len(),
            key: full_url.clone().unwrap_or_default(),
            full_url,
            kind: "?".to_owned(),
            frame: Box::default(),
            contained: Vec::new(),
            content: Content::Bad(reason),
            unmapped: Vec::new(),
        }
    }

    fn entry(&self, full_url: Option<String>, raw: &RawValue) -> Entry {
        let (frame, beyond_frame) = match Frame::parse(raw) {
            Ok(parsed) => parsed,
            Err(reason) => return self.bad(full_url, reason),
        };
        let kind = frame.resource_type.clone();
        let key = full_url.clone().unwrap_or_else(|| match frame.id() {
            Some(id) => format!("{kind}/{id}"),
            None => Uuid::new_v5(&Uuid::NAMESPACE_OID, raw.get().as_bytes())
                .urn()
                .to_string(),
        });
        let contained = frame.contained.iter().map(|raw| {
            let mut inner = self.entry(None, raw);
            inner.key = format!("{key}#{}", inner.frame.id().unwrap_or_default());
            inner
        });
        let contained = contained.collect();
        let mut unmapped = Vec::new();
        let content = if key.len() > MAX_KEY {
            Content::Bad(format!("its fullUrl is longer than {MAX_KEY}"))
        } else {
            match Resource::parse(&frame, raw) {
                None => Content::Aside,
                Some(parsed) => match (modifiers::reason(&frame, raw), parsed) {
                    (Some(reason), parsed) => {
                        let resource = parsed.ok().map(|(resource, _)| Box::new(resource));
                        Content::LeftOut(reason, resource)
                    }
                    (None, Ok((resource, beyond))) => {
                        unmapped = beyond_both(beyond, beyond_frame);
                        unmapped.extend(unmapped_by_type(&kind, &frame));
                        unmapped.retain(|path| !is_of_the_copy(path));
                        Content::Carried(Box::new(resource))
                    }
                    (None, Err(reason)) => Content::Bad(reason),
                },
            }
        };
        for path in &mut unmapped {
            *path = format!("{kind}.{path}");
        }
        Entry {
            source: self.source.clone(),
            index: self.entries.len(),
            full_url,
            key,
            kind,
            frame: Box::new(frame),
            contained,
            content,
            unmapped,
        }
    }
}

/// The elements of the frame that this type of resource has no use for.
fn unmapped_by_type(kind: &str, frame: &Frame) -> Vec<String> {
    let is_person = ["Patient", "Practitioner"].contains(&kind);
    let has_identifier = !is_person && !frame.identifiers().is_empty();
    let has_visit = kind == "AllergyIntolerance" && frame.encounter().is_some();
    let lost = [(has_identifier, "identifier"), (has_visit, "encounter")];
    let lost = lost.into_iter().filter(|(is_lost, _)| *is_lost);
    lost.map(|(_, name)| name.to_owned()).collect()
}

/// Whether the element says something about the copy of the resource and nothing about the patient: its version, its
/// narrative, its language, and the ids of its elements.
fn is_of_the_copy(path: &str) -> bool {
    matches!(path, "meta" | "text" | "language") || path.ends_with(".id")
}

/// A Bundle or another resource.
struct Document<'r>(&'r mut Reading);

impl<'de> DeserializeSeed<'de> for Document<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Document<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a FHIR resource")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let before = self.0.entries.len();
        let mut kind = None;
        let mut others = serde_json::Map::new();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "resourceType" => kind = Some(map.next_value::<String>()?),
                // Other resources may have an `entry` of another kind, but a Bundle's can be too large to keep.
                "entry" if kind.as_deref().is_none_or(|kind| kind == BUNDLE) => {
                    map.next_value_seed(Entries(self.0))?;
                }
                _ => drop(others.insert(key, map.next_value()?)),
            }
        }
        let Some(kind) = kind else {
            return Err(A::Error::custom("no resourceType"));
        };
        if kind == BUNDLE {
            self.0.is_history |= others.get("type").is_some_and(|kind| kind == "history");
            return Ok(());
        }
        self.0.entries.truncate(before);
        others.insert("resourceType".to_owned(), kind.into());
        let resource = to_raw_value(&others).map_err(A::Error::custom)?;
        self.0.push(None, &resource);
        Ok(())
    }
}

/// The entries of a Bundle.
struct Entries<'r>(&'r mut Reading);

impl<'de> DeserializeSeed<'de> for Entries<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Entries<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("entries")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        while let Some(raw) = sequence.next_element::<Box<RawValue>>()? {
            match typed::<Outer>(&raw) {
                Err(reason) => {
                    let bad = self.0.bad(None, reason);
                    self.0.entries.push(bad);
                }
                Ok(outer) if outer.deletes() => {
                    let mut entry = self.0.bad(outer.full_url, String::new());
                    entry.content =
                        Content::LeftOut("asks to delete, so it is left out".into(), None);
                    self.0.entries.push(entry);
                }
                Ok(Outer {
                    resource: None,
                    full_url,
                    ..
                }) => {
                    let bad = self.0.bad(full_url, "lacks resource".to_owned());
                    self.0.entries.push(bad);
                }
                Ok(Outer {
                    resource: Some(resource),
                    full_url,
                    ..
                }) => self.0.push(full_url, &resource),
            }
        }
        Ok(())
    }
}

/// An entry without its resource's elements.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outer {
    full_url: Option<String>,
    resource: Option<Box<RawValue>>,
    request: Option<Request>,
}

#[derive(Deserialize)]
struct Request {
    method: Option<String>,
}

impl Outer {
    fn deletes(&self) -> bool {
        let method = self.request.as_ref().and_then(|it| it.method.as_deref());
        self.resource.is_none() && method == Some("DELETE")
    }
}

const BUNDLE: &str = "Bundle";

/// The longest `external_id` that the API takes.
const MAX_KEY: usize = 255;

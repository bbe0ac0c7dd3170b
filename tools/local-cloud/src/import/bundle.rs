//! Reads a bundle's file entry by entry: what is kept is what is carried over, not the file.

use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::fhir::{Frame, Resource};
use super::summary::Complaint;

/// An entry of a bundle.
#[derive(Debug)]
pub struct Entry {
    /// Its place in the bundle, from 0.
    pub index: usize,
    /// What the bundle's references call it, when it says.
    pub full_url: Option<String>,
    /// The resource's type, "?" when it says none.
    pub kind: String,
    /// What it holds.
    pub content: Content,
}

/// What came of reading an entry.
#[derive(Debug)]
pub enum Content {
    /// A resource to carry over.
    Carried(Box<Resource>, Frame),
    /// Of a type, or in a status, that isn't carried over.
    Aside,
    /// Not understood, and why.
    Bad(String),
}

/// The bundle's entries, in its order. Files ending in `.gz` are gzip.
pub fn read(file: &Path) -> Result<Vec<Entry>, Complaint> {
    let complain = |reason: String| Complaint::of_file(file, reason);
    let opened =
        File::open(file).map_err(|error| complain(format!("can't be opened: {}", error.kind())))?;
    let mut reader = BufReader::new(opened);
    let start = reader
        .fill_buf()
        .map_err(|error| complain(format!("can't be read: {}", error.kind())))?;
    let gzip = start.starts_with(&[0x1f, 0x8b]);
    if !gzip && file.extension().is_some_and(|extension| extension == "gz") {
        return Err(complain("is not gzip".into()));
    }
    let reader: Box<dyn Read> = if gzip {
        Box::new(MultiGzDecoder::new(reader))
    } else {
        Box::new(reader)
    };
    let mut json = serde_json::Deserializer::from_reader(BufReader::new(reader));
    let entries = Bundle
        .deserialize(&mut json)
        .and_then(|entries| json.end().map(|()| entries));
    entries.map_err(|error| complain(describe(&error)))
}

/// Says what is wrong, without a word of what the file says.
fn describe(error: &serde_json::Error) -> String {
    use serde_json::error::Category;
    match error.classify() {
        Category::Io => match error.io_error_kind() {
            Some(
                io::ErrorKind::InvalidInput
                | io::ErrorKind::InvalidData
                | io::ErrorKind::UnexpectedEof,
            ) => "its gzip data is damaged".into(),
            kind => format!("can't be read: {}", kind.unwrap_or(io::ErrorKind::Other)),
        },
        Category::Eof => "ends in the middle of its JSON".into(),
        Category::Syntax => format!(
            "is not JSON (line {}, column {})",
            error.line(),
            error.column()
        ),
        Category::Data => "is not a FHIR Bundle".into(),
    }
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
                entry.content = Content::Bad("its fullUrl is that of an earlier entry".into());
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
        Some(_) if frame.is_entered_in_error() => Content::Aside,
        Some(Ok(resource)) => Content::Carried(Box::new(resource), frame),
        Some(Err(reason)) => Content::Bad(reason),
    };
    Entry {
        index,
        full_url,
        kind,
        content,
    }
}

/// The longest `external_id` the API takes.
const MAX_URL: usize = 255;

/// Parses one value. Errors name the field and never what it holds.
pub fn typed<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Result<T, String> {
    let json = &mut serde_json::Deserializer::from_str(raw.get());
    serde_path_to_error::deserialize(json).map_err(|error| {
        let message = error.inner().to_string();
        let path = error.path().to_string();
        match message
            .strip_prefix("missing field `")
            .and_then(|rest| rest.split('`').next())
        {
            Some(field) if path == "." => format!("lacks {field}"),
            Some(field) => format!("lacks {path}.{field}"),
            None => format!("{path} is not what FHIR R4 has there"),
        }
    })
}

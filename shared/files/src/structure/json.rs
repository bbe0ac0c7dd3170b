//! JSON (RFC 8259) of a FHIR resource: the file is well-formed and names the type of the resource.

use struson::reader::{JsonReader as _, JsonStreamReader, ReaderError, ReaderSettings};

use super::source::{Broken, Source};

/// The deepest nesting of values.
const DEPTH: u32 = 128;
/// The most bytes that the reader may consume for a member's name or the resource type, including
/// what it reads ahead.
const NAME: u64 = 64 * 1024;

impl From<ReaderError> for Broken {
    fn from(_: ReaderError) -> Self {
        Self
    }
}

pub(super) fn check(source: &mut Source) -> Result<(), Broken> {
    let allowance = source.allowance();
    let settings = ReaderSettings {
        max_nesting_depth: Some(DEPTH),
        track_path: false,
        ..ReaderSettings::default()
    };
    let mut json = JsonStreamReader::new_custom(source, settings);
    let mut has_type = false;
    json.begin_object()?;
    while json.has_next()? {
        allowance.set(NAME);
        if json.next_name()? == "resourceType" {
            Broken::unless(!has_type && is_resource(json.next_str()?))?;
            has_type = true;
        } else {
            allowance.set(u64::MAX);
            json.skip_value()?;
        }
        allowance.set(u64::MAX);
    }
    json.end_object()?;
    json.consume_trailing_whitespace()?;
    Broken::unless(has_type)
}

/// Whether the name has the form of a resource type. Each version of FHIR adds types, so there is no
/// list.
fn is_resource(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_uppercase())
        && name.chars().all(|other| other.is_ascii_alphabetic())
}

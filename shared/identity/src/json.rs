//! Parses untrusted JSON objects.

use serde::Deserialize;
use serde::de::Error;

/// Parses a JSON object into a struct. Serde alone would also accept a list of the field values.
pub(crate) fn object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> serde_json::Result<T> {
    if json.trim_ascii_start().first() != Some(&b'{') {
        return Err(serde_json::Error::custom("expected a JSON object"));
    }
    serde_json::from_slice(json)
}

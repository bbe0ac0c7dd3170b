//! JSON objects from outside.

use serde::Deserialize;
use serde::de::Error;

/// Reads a JSON object into a struct. Serde would also fill the struct from a list of its values.
pub(crate) fn object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> serde_json::Result<T> {
    if json.trim_ascii_start().first() != Some(&b'{') {
        return Err(serde_json::Error::custom("not a JSON object"));
    }
    serde_json::from_slice(json)
}

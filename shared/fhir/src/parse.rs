//! Parses one JSON value with errors that may be shown.

use serde::Deserialize;
use serde_json::value::RawValue;

/// Parses one value. The error names the field but not its content.
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
            None => format!("{path} isn't valid in FHIR R4"),
        }
    })
}

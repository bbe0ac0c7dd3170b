//! JSON merge patch (RFC 7396). A patch changes the fields that it names, null removes a field, and all
//! other fields are unchanged.

use errors::Error;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::json::{json, typed};

/// The changes that a PATCH request contains.
#[derive(Clone, Debug, PartialEq)]
pub struct MergePatch(Map<String, Value>);

impl MergePatch {
    /// Parses a request's body. Errors: it isn't a JSON object, or a key appears twice in one object.
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        match json(body)? {
            Value::Object(patch) => Ok(Self(patch)),
            _ => Err(Error::invalid("", "expected an object")),
        }
    }

    /// Applies the changes to `current`. Errors: the patch removes an unknown field, or the result doesn't
    /// fit `T`. The error names the field.
    pub fn apply<T: Serialize + DeserializeOwned>(&self, current: &T) -> Result<T, Error> {
        let mut document = serde_json::to_value(current)
            .map_err(|_| Error::Internal("a stored value is not JSON"))?;
        // Null removes a field, so the merge would hide that the field is unknown.
        let is_unknown = |(name, value): &(&String, &Value)| {
            value.is_null() && document.get(name.as_str()).is_none()
        };
        if let Some((name, _)) = self.0.iter().find(is_unknown) {
            return Err(Error::invalid(name, "is not a known field"));
        }
        json_patch::merge(&mut document, &Value::Object(self.0.clone()));
        typed(document, "")
    }

    /// Whether the patch changes this field.
    pub fn names(&self, field: &str) -> bool {
        self.0.contains_key(field)
    }

    /// The names of the fields that the patch changes, for the audit row.
    pub fn fields(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }
}

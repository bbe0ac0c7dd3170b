//! JSON merge patch (RFC 7396): what the body names is changed, null removes, the rest stays.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::errors::Error;
use crate::json;

/// The changes a PATCH asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct MergePatch(Map<String, Value>);

impl MergePatch {
    /// Errors: not JSON, not an object, or a name twice in one object.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Error> {
        match json::read(body)? {
            Value::Object(patch) => Ok(Self(patch)),
            _ => Err(Error::invalid("", "expected an object")),
        }
    }

    /// `current` with the changes. Errors: the result doesn't fit `T`, named by field.
    pub fn apply<T: Serialize + DeserializeOwned>(&self, current: &T) -> Result<T, Error> {
        let mut document = serde_json::to_value(current)
            .map_err(|_| Error::Internal("a stored value is not JSON"))?;
        // Null removes, so it would pass for what is no field at all.
        let no_field = |(name, value): &(&String, &Value)| {
            value.is_null() && document.get(name.as_str()).is_none()
        };
        if let Some((name, _)) = self.0.iter().find(no_field) {
            return Err(Error::invalid(name, "is not a field here"));
        }
        json_patch::merge(&mut document, &Value::Object(self.0.clone()));
        json::typed(document, "")
    }

    /// Whether it changes or removes this field.
    pub fn names(&self, field: &str) -> bool {
        self.0.contains_key(field)
    }

    /// The names of the fields concerned, for the audit row.
    pub fn fields(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }
}

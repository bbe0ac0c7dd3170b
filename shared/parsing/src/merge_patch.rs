//! JSON merge patch (RFC 7396). A patch changes the fields that it names, null removes a field, and all
//! other fields are unchanged.

use errors::{Error, FieldError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::json::{Document, json};
use crate::typed::{Sound, checked};

/// The changes that a PATCH request contains.
#[derive(Clone, Debug, PartialEq)]
pub struct MergePatch {
    fields: Map<String, Value>,
    /// The duplicate keys.
    faults: Vec<FieldError>,
}

impl MergePatch {
    /// Parses a request's body. Errors: it isn't a JSON object.
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        let Document { value, faults } = json(body)?;
        match value {
            Value::Object(fields) => Ok(Self { fields, faults }),
            _ => Err(Error::invalid(
                "",
                "expected an object with the fields to change",
            )),
        }
    }

    /// Applies the changes to `current`, and checks what the fields of the result say together. Errors: a key
    /// appears twice in the patch, the patch removes an unknown field, or the result doesn't fit `T` or is
    /// refused by `check`. The error names every field at fault.
    pub fn apply<T: Serialize + DeserializeOwned>(
        &self,
        current: &T,
        check: impl FnOnce(&T, &Sound<'_>) -> Result<(), Error>,
    ) -> Result<T, Error> {
        let mut document = serde_json::to_value(current)
            .map_err(|_| Error::Internal("a stored value is not JSON"))?;
        let before = document.clone();
        json_patch::merge(&mut document, &Value::Object(self.fields.clone()));
        // Null removes a field, so the merge hides that the field is unknown. Any other value shows it.
        if let Some(members) = document.as_object_mut() {
            let nulls = self.fields.iter().filter(|(_, value)| value.is_null());
            for (name, _) in nulls.filter(|(name, _)| before.get(name.as_str()).is_none()) {
                members.insert(name.clone(), Value::Null);
            }
        }
        checked(&document, "", self.faults.clone(), check)
    }

    /// Whether the patch changes this field.
    pub fn names(&self, field: &str) -> bool {
        self.fields.contains_key(field)
    }

    /// The names of the fields that the patch changes, for the audit row.
    pub fn fields(&self) -> Vec<String> {
        self.fields.keys().cloned().collect()
    }
}

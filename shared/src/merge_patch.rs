//! JSON merge patch (RFC 7396): what the body names is changed, null removes, the rest stays.

use std::fmt;

use serde::de::{DeserializeOwned, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::call::parse_json;
use crate::errors::Error;

/// The changes a PATCH asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct MergePatch(Map<String, Value>);

impl MergePatch {
    /// Errors: not JSON, not an object, or a name twice in one object.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Error> {
        match parse_json::<Unambiguous>(body, "")?.0 {
            Value::Object(patch) => Ok(Self(patch)),
            _ => Err(Error::invalid("", "expected an object")),
        }
    }

    /// `current` with the changes. Errors: the result doesn't fit `T`, named by field.
    pub fn apply<T: Serialize + DeserializeOwned>(&self, current: &T) -> Result<T, Error> {
        let internal = |_| Error::Internal("a stored value is not JSON");
        let mut document = serde_json::to_value(current).map_err(internal)?;
        json_patch::merge(&mut document, &Value::Object(self.0.clone()));
        parse_json(&serde_json::to_vec(&document).map_err(internal)?, "")
    }

    /// The names of the fields concerned, for the audit row.
    pub fn fields(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }
}

/// Any JSON in which no object names a member twice: readers differ on which of the two counts.
struct Unambiguous(Value);

impl<'de> Deserialize<'de> for Unambiguous {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UnambiguousVisitor).map(Self)
    }
}

struct UnambiguousVisitor;

impl<'de> Visitor<'de> for UnambiguousVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without repeated names")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Unambiguous(item)) = sequence.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let Unambiguous(value) = members.next_value()?;
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("duplicate field"));
            }
        }
        Ok(Value::Object(object))
    }
}

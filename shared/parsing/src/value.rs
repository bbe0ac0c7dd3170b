//! Deserializes a type from a JSON value.

use serde::de::value::{MapAccessDeserializer, MapDeserializer, SeqDeserializer};
use serde::de::{Error as _, IntoDeserializer, Unexpected, Visitor};
use serde::{Deserializer, forward_to_deserialize_any};
use serde_json::{Map, Value};

use crate::fault::Fault;
use crate::number::{NUMBER, integer};

/// A JSON value as a deserializer. It differs from serde_json's own in two ways: it rejects an array
/// where a struct is expected (<https://github.com/serde-rs/serde/issues/1587>), and its errors don't
/// contain the value.
pub(crate) struct JsonValue(pub(crate) Value);

fn members<'de>(
    object: Map<String, Value>,
) -> MapDeserializer<'de, impl Iterator<Item = (String, JsonValue)>, Fault> {
    MapDeserializer::new(
        object
            .into_iter()
            .map(|(name, value)| (name, JsonValue(value))),
    )
}

macro_rules! integers {
    ($($deserialize:ident)+) => {$(
        fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
            let number = match &self.0 {
                Value::Number(number) => integer(number),
                _ => None,
            };
            match number {
                Some(value) => match (u64::try_from(value), i64::try_from(value)) {
                    (Ok(value), _) => visitor.visit_u64(value),
                    (_, Ok(value)) => visitor.visit_i64(value),
                    _ => Err(Fault::invalid_type(Unexpected::Other("value"), &visitor)),
                },
                None => Err(Fault::invalid_type(Unexpected::Other("value"), &visitor)),
            }
        }
    )+};
}

impl<'de> Deserializer<'de> for JsonValue {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.0 {
            Value::Array(items) => {
                SeqDeserializer::new(items.into_iter().map(JsonValue)).deserialize_any(visitor)
            }
            Value::Object(object) => members(object).deserialize_any(visitor),
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::String(value) => visitor.visit_string(value),
            Value::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(value), _) => visitor.visit_u64(value),
                (_, Some(value)) => visitor.visit_i64(value),
                // Only a visitor of `Number` accepts it.
                _ => visitor.visit_map(MapDeserializer::new(std::iter::once((
                    NUMBER,
                    number.to_string(),
                )))),
            },
        }
    }

    integers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.0 {
            Value::Object(object) => members(object).deserialize_any(visitor),
            _ => Err(Fault::invalid_type(
                Unexpected::Other("value"),
                &"an object",
            )),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        match self.0 {
            Value::Object(object) if object.len() == 1 => {
                MapAccessDeserializer::new(members(object))
                    .deserialize_enum(name, variants, visitor)
            }
            Value::String(label) => label
                .into_deserializer()
                .deserialize_enum(name, variants, visitor),
            _ => Err(Fault::no_variant(name, variants, &visitor)),
        }
    }

    forward_to_deserialize_any! {
        bool i128 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct identifier ignored_any
    }
}

impl IntoDeserializer<'_, Fault> for JsonValue {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

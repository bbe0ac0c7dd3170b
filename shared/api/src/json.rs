//! JSON as clients send it, read twice: as what it says, in which no object names a member twice, for
//! readers differ on which of the two counts; then as a type, in which no list stands for an object.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, Error as _, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, forward_to_deserialize_any};
use serde_json::{Map, Value};

use crate::errors::{Error, field_error};

/// Reads what the text says. Errors: not JSON, or a name twice in one object.
pub(crate) fn read(json: &[u8]) -> Result<Value, Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let Unambiguous(value) =
        serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
            if error.inner().is_data() {
                field_error(error.path().to_string(), &error.inner().to_string())
            } else {
                Error::MalformedJson
            }
        })?;
    deserializer.end().map_err(|_| Error::MalformedJson)?;
    Ok(value)
}

/// Reads the value as a type. Errors: it doesn't fit; named is the field at fault below `prefix`.
pub(crate) fn typed<T: DeserializeOwned>(value: Value, prefix: &str) -> Result<T, Error> {
    serde_path_to_error::deserialize(Typed(value)).map_err(|error| {
        let path = error.path().to_string();
        let path = match (prefix, path.as_str()) {
            (_, ".") => prefix.to_owned(),
            ("", path) => path.to_owned(),
            (prefix, path) => format!("{prefix}.{path}"),
        };
        field_error(path, &error.inner().to_string())
    })
}

/// Any JSON in which no object names a member twice.
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
            if object.contains_key(&name) {
                return Err(A::Error::custom(format!("duplicate field `{name}`")));
            }
            let Unambiguous(value) = members.next_value()?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

/// A value as a type reads it: as serde_json does, but for a list, which it takes for a struct, its
/// fields in order (<https://github.com/serde-rs/serde/issues/1587>).
struct Typed(Value);

fn members<'de>(
    object: Map<String, Value>,
) -> MapDeserializer<'de, impl Iterator<Item = (String, Typed)>, serde_json::Error> {
    MapDeserializer::new(object.into_iter().map(|(name, value)| (name, Typed(value))))
}

impl<'de> Deserializer<'de> for Typed {
    type Error = serde_json::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.0 {
            Value::Array(items) => {
                SeqDeserializer::new(items.into_iter().map(Typed)).deserialize_any(visitor)
            }
            Value::Object(object) => members(object).deserialize_any(visitor),
            scalar => scalar.deserialize_any(visitor),
        }
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
            _ => Err(Self::Error::custom("expected an object")),
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
            other => other.deserialize_enum(name, variants, visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct identifier ignored_any
    }
}

impl IntoDeserializer<'_, serde_json::Error> for Typed {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        inner: Option<Inner>,
        #[serde(default)]
        more: Vec<Choice>,
        pair: Option<(u8, u8)>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        count: u8,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Choice {
        Nothing,
        Words(String),
        Inner(Inner),
        Named { count: u8 },
    }

    #[test]
    fn a_type_is_read_of_objects() {
        let value = json!({
            "inner": {"count": 1}, "pair": [1, 2],
            "more": ["nothing", {"words": "some"}, {"inner": {"count": 2}}, {"named": {"count": 3}}]
        });
        let outer: Outer = typed(value, "").unwrap();
        assert_eq!(outer.inner, Some(Inner { count: 1 }));
        assert_eq!(outer.more[0], Choice::Nothing);
        assert_eq!(outer.more[1], Choice::Words("some".to_owned()));
        assert_eq!(outer.more[2], Choice::Inner(Inner { count: 2 }));
        assert_eq!(outer.more[3], Choice::Named { count: 3 });
        assert_eq!(outer.pair, Some((1, 2)));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (value, field) in [
            (json!([null, [], null]), "content"),
            (json!(7), "content"),
            (json!({"inner": [1]}), "content.inner"),
            (json!({"inner": "x"}), "content.inner"),
            (json!({"inner": {"count": 256}}), "content.inner.count"),
            (
                json!({"inner": {"count": 1, "more": 2}}),
                "content.inner.more",
            ),
            (json!({"more": [{"inner": [1]}]}), "content.more[0].inner"),
            (json!({"more": [{"named": [1]}]}), "content.more[0].named"),
            (
                json!({"more": [{"words": "a", "nothing": null}]}),
                "content.more[0]",
            ),
            (json!({"pair": [1, 2, 3]}), "content.pair"),
            (json!({"other": 1}), "content.other"),
        ] {
            match typed::<Outer>(value.clone(), "content") {
                Err(Error::Invalid(errors)) => assert_eq!(errors[0].field, field, "{value}"),
                other => panic!("{value}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_name_twice_is_named_and_what_is_no_json_malformed() {
        for (text, field) in [
            (r#"{"a": 1, "a": 1}"#, "a"),
            (r#"[{"a": {"b": 1, "c": 2, "b": 3}}]"#, "[0].a.b"),
        ] {
            match read(text.as_bytes()) {
                Err(Error::Invalid(errors)) => assert_eq!(errors[0].field, field),
                other => panic!("{other:?}"),
            }
        }
        for text in ["", "{", "{} {}", "NaN", &"[".repeat(1000)] {
            assert!(matches!(read(text.as_bytes()), Err(Error::MalformedJson)));
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
        ];
        scalar.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(".{0,4}", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(value in any_json()) {
            let read = read(value.to_string().as_bytes()).unwrap();
            prop_assert_eq!(&read, &value);
            prop_assert_eq!(typed::<Value>(read, "").unwrap(), value);
        }
    }
}

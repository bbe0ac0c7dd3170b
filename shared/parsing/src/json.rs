//! Parses request JSON in two steps: into a value, rejecting duplicate keys (parsers disagree on which
//! one wins); then into the target type, rejecting an array where an object is expected.

use std::cell::RefCell;
use std::fmt;

use errors::Error;
use serde::Deserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use serde_path_to_error::Track;

use crate::fault::Fault;
use crate::value::JsonValue;

/// Parses text into a value. Errors: [`Error::MalformedJson`] if it isn't JSON, [`Error::Invalid`] with
/// the path of the key if a key appears twice in one object.
pub fn json(text: &[u8]) -> Result<Value, Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let duplicate = RefCell::default();
    let mut track = Track::new();
    let value = UniqueKeys(&duplicate)
        .deserialize(serde_path_to_error::Deserializer::new(
            &mut deserializer,
            &mut track,
        ))
        .map_err(|_| match duplicate.take() {
            Some(key) => Fault::duplicate(key).at(&track.path().to_string(), &[]),
            None => Error::MalformedJson,
        })?;
    deserializer.end().map_err(|_| Error::MalformedJson)?;
    Ok(value)
}

/// Converts a value into a type. Errors: the value doesn't fit. The error names the field at fault,
/// below `prefix`.
pub fn typed<T: DeserializeOwned>(value: Value, prefix: &str) -> Result<T, Error> {
    serde_path_to_error::deserialize(JsonValue(value)).map_err(|error| {
        let path = error.path().to_string();
        let path = match (prefix, path.as_str()) {
            (prefix, ".") => prefix.to_owned(),
            ("", path) => path.to_owned(),
            (prefix, path) => format!("{prefix}.{path}"),
        };
        error.into_inner().at(&path, &[])
    })
}

/// Builds a value and stops at a duplicate key, which it stores in the cell.
#[derive(Clone, Copy)]
struct UniqueKeys<'a>(&'a RefCell<Option<String>>);

impl<'de> DeserializeSeed<'de> for UniqueKeys<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for UniqueKeys<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without duplicate keys")
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
        while let Some(item) = sequence.next_element_seed(self)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            if object.contains_key(&key) {
                self.0.replace(Some(key));
                return Err(A::Error::custom("a duplicate key"));
            }
            object.insert(key, members.next_value_seed(self)?);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use serde::Deserialize;

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
    fn a_type_is_read_from_objects() {
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
    fn the_path_of_a_value_that_does_not_fit_is_named() {
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
    fn a_duplicate_key_is_named_and_text_that_is_not_json_is_malformed() {
        for (text, field) in [
            (r#"{"a": 1, "a": 1}"#, "a"),
            (r#"[{"a": {"b": 1, "c": 2, "b": 3}}]"#, "[0].a.b"),
        ] {
            match super::json(text.as_bytes()) {
                Err(Error::Invalid(errors)) => assert_eq!(errors[0].field, field),
                other => panic!("{other:?}"),
            }
        }
        for text in ["", "{", "{} {}", "NaN", &"[".repeat(1000)] {
            assert!(matches!(
                super::json(text.as_bytes()),
                Err(Error::MalformedJson)
            ));
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
        fn a_value_that_is_written_is_read_back_unchanged(value in any_json()) {
            let read = super::json(value.to_string().as_bytes()).unwrap();
            prop_assert_eq!(&read, &value);
            prop_assert_eq!(typed::<Value>(read, "").unwrap(), value);
        }
    }
}

//! Parses request JSON in two steps: into a value, rejecting duplicate keys (parsers disagree on which
//! one wins) and numbers with too many digits; then into the target type, rejecting an array where an
//! object is expected.

use std::cell::RefCell;
use std::fmt;

use errors::Error;
use serde::Deserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_path_to_error::Track;

use crate::fault::Fault;
use crate::number::{NUMBER, RESERVED, is_kept};
use crate::value::JsonValue;

/// Parses text into a value. Numbers keep their digits. Errors: [`Error::MalformedJson`] if it isn't JSON,
/// [`Error::Invalid`] with the path if a key appears twice in one object or is reserved, or if a number has
/// more than 64 digits.
pub fn json(text: &[u8]) -> Result<Value, Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let fault = RefCell::default();
    let mut track = Track::new();
    let value = Strict(&fault)
        .deserialize(serde_path_to_error::Deserializer::new(
            &mut deserializer,
            &mut track,
        ))
        .map_err(|_| match fault.take() {
            Some(fault) => fault.at(&track.path().to_string(), &[]),
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

/// Builds a value and stops at the first fault, which it stores in the cell.
#[derive(Clone, Copy)]
struct Strict<'a>(&'a RefCell<Option<Fault>>);

impl Strict<'_> {
    fn refuse<E: serde::de::Error>(self, fault: Fault) -> E {
        self.0.replace(Some(fault));
        E::custom("a fault")
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
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
            if key == NUMBER && object.is_empty() {
                let digits: String = members.next_value()?;
                return match digits.parse::<Number>() {
                    Ok(number) if is_kept(&number) => Ok(Value::Number(number)),
                    Ok(_) => Err(self.refuse(Fault::too_many_digits())),
                    Err(_) => Err(self.refuse(Fault::reserved(key))),
                };
            }
            if key.starts_with(RESERVED) {
                return Err(self.refuse(Fault::reserved(key)));
            }
            if object.contains_key(&key) {
                return Err(self.refuse(Fault::duplicate(key)));
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

    #[test]
    fn a_number_keeps_its_digits() {
        for text in [
            "6.50",
            "12345678901234567890.5",
            "99999999999999.99",
            "123456789012345678901234567890",
            "0.10",
            "-0.0",
        ] {
            let value = super::json(format!("[{text}]").as_bytes()).unwrap();
            assert_eq!(value.to_string(), format!("[{text}]"));
            let typed: Vec<Number> = typed(value, "").unwrap();
            assert_eq!(typed[0].to_string(), text);
        }
    }

    #[test]
    fn a_member_that_the_parser_reserves_is_refused() {
        for (text, field) in [
            (
                r#"{"a": {"$serde_json::private::RawValue": "[["}}"#,
                "a.$serde_json::private::RawValue",
            ),
            (
                r#"{"a": {"b": 1, "$serde_json::private::Number": "1"}}"#,
                "a.$serde_json::private::Number",
            ),
            ("[1e100]", "[0]"),
        ] {
            match super::json(text.as_bytes()) {
                Err(Error::Invalid(errors)) => assert_eq!(errors[0].field, field),
                other => panic!("{other:?}"),
            }
        }
        assert!(super::json(br#"{"$serde_json::private::Number": "x"}"#).is_err());
    }

    #[test]
    fn an_integer_may_be_written_with_a_fraction_of_zero() {
        assert_eq!(
            typed::<Inner>(super::json(br#"{"count": 30.0}"#).unwrap(), "").unwrap(),
            Inner { count: 30 }
        );
        for wrong in ["30.5", "256.0", "1e30", "-1.0"] {
            let value = super::json(format!(r#"{{"count": {wrong}}}"#).as_bytes()).unwrap();
            assert!(typed::<Inner>(value, "").is_err(), "{wrong}");
        }
    }

    fn decimal(digits: i128, scale: usize) -> Value {
        let (sign, digits) = (if digits < 0 { "-" } else { "" }, digits.unsigned_abs());
        let digits = format!("{digits:0>width$}", width = scale + 2);
        let (whole, fraction) = digits.split_at(digits.len() - scale - 1);
        let whole = whole.trim_start_matches('0');
        let whole = if whole.is_empty() { "0" } else { whole };
        Value::Number(format!("{sign}{whole}.{fraction}").parse().unwrap())
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (any::<i128>(), 0_usize..20).prop_map(|(digits, scale)| decimal(digits, scale)),
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

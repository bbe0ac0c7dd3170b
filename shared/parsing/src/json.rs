//! Parses request JSON into a value whose numbers keep their digits, and finds duplicate keys: parsers disagree on
//! which one wins.

use std::cell::RefCell;
use std::fmt;

use errors::{Error, FieldError};
use serde::Deserializer;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::number::{NUMBER, RESERVED, is_kept};
use crate::path::Path;

/// A document, and the faults that its value doesn't show.
#[derive(Debug)]
pub struct Document {
    /// The value. It has the last one of duplicate keys.
    pub value: Value,
    /// The duplicate keys, the keys that the parser reserves, and the numbers with too many digits.
    pub faults: Vec<FieldError>,
}

/// Parses text. Errors: [`Error::MalformedJson`] if it isn't JSON.
pub fn json(text: &[u8]) -> Result<Document, Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let faults = RefCell::default();
    let reader = Strict {
        path: &Path::ROOT,
        faults: &faults,
    };
    let value = reader
        .deserialize(&mut deserializer)
        .map_err(|_| Error::MalformedJson)?;
    deserializer.end().map_err(|_| Error::MalformedJson)?;
    Ok(Document {
        value,
        faults: faults.take(),
    })
}

/// Builds a value and notes its faults.
#[derive(Clone, Copy)]
struct Strict<'a> {
    path: &'a Path<'a>,
    faults: &'a RefCell<Vec<FieldError>>,
}

impl<'a> Strict<'a> {
    fn below(self, path: &'a Path<'a>) -> Self {
        Self { path, ..self }
    }

    fn refuse(&self, path: &Path<'_>, message: &str) {
        let fault = FieldError::at(path.to_string(), message);
        self.faults.borrow_mut().push(fault);
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
        loop {
            let path = self.path.item(items.len());
            match sequence.next_element_seed(self.below(&path))? {
                Some(item) => items.push(item),
                None => break,
            }
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            if key == NUMBER && object.is_empty() {
                let digits: String = members.next_value()?;
                if let Ok(number) = digits.parse::<Number>() {
                    if !is_kept(&number) {
                        self.refuse(self.path, "expected a number of at most 64 digits");
                    }
                    return Ok(Value::Number(number));
                }
                self.refuse(&self.path.member(&key), "is not a known field");
                continue;
            }
            let path = self.path.member(&key);
            if key.starts_with(RESERVED) {
                self.refuse(&path, "is not a known field");
            }
            if object.contains_key(&key) {
                self.refuse(&path, "appears more than once; expected it once");
            }
            let value = members.next_value_seed(self.below(&path))?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::typed;
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
        let outer: Outer = typed(&value, "").unwrap();
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
            (json!([null, [], null]), "/content"),
            (json!(7), "/content"),
            (json!({"inner": [1]}), "/content/inner"),
            (json!({"inner": "x"}), "/content/inner"),
            (json!({"inner": {"count": 256}}), "/content/inner/count"),
            (
                json!({"inner": {"count": 1, "more": 2}}),
                "/content/inner/more",
            ),
            (json!({"more": [{"inner": [1]}]}), "/content/more/0/inner"),
            (json!({"more": [{"named": [1]}]}), "/content/more/0/named"),
            (
                json!({"more": [{"words": "a", "nothing": null}]}),
                "/content/more/0",
            ),
            (json!({"pair": [1, 2, 3]}), "/content/pair"),
            (json!({"other": 1}), "/content/other"),
        ] {
            match typed::<Outer>(&value, "content") {
                Err(Error::Invalid(errors)) => {
                    assert_eq!(errors[0].pointer.as_deref(), Some(field), "{value}")
                }
                other => panic!("{value}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_duplicate_key_is_named_and_text_that_is_not_json_is_malformed() {
        for (text, pointers_expected) in [
            (r#"{"a": 1, "a": 1}"#, &["/a"][..]),
            (
                r#"[{"a": {"b": 1, "c": 2, "b": 3}}, {"d/": 1, "d/": 2}]"#,
                &["/0/a/b", "/1/d~1"],
            ),
        ] {
            let faults = super::json(text.as_bytes()).unwrap().faults;
            let pointers: Vec<_> = faults
                .iter()
                .filter_map(|fault| fault.pointer.as_deref())
                .collect();
            assert_eq!(pointers, pointers_expected);
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
            let value = super::json(format!("[{text}]").as_bytes()).unwrap().value;
            assert_eq!(value.to_string(), format!("[{text}]"));
            let typed: Vec<Number> = typed(&value, "").unwrap();
            assert_eq!(typed[0].to_string(), text);
        }
    }

    #[test]
    fn a_member_that_the_parser_reserves_and_a_long_number_are_faults() {
        for (text, pointer) in [
            (
                r#"{"a": {"$serde_json::private::RawValue": "[["}}"#,
                "/a/$serde_json::private::RawValue",
            ),
            (
                r#"{"a": {"b": 1, "$serde_json::private::Number": "1"}}"#,
                "/a/$serde_json::private::Number",
            ),
            (
                r#"{"$serde_json::private::Number": "x"}"#,
                "/$serde_json::private::Number",
            ),
            ("[1e100]", "/0"),
        ] {
            let faults = super::json(text.as_bytes()).unwrap().faults;
            assert_eq!(faults.len(), 1, "{text}");
            assert_eq!(faults[0].pointer.as_deref(), Some(pointer));
        }
    }

    #[test]
    fn an_integer_may_be_written_with_a_fraction_of_zero() {
        let count = |number: &str| {
            let text = format!(r#"{{"count": {number}}}"#);
            typed::<Inner>(&super::json(text.as_bytes()).unwrap().value, "")
        };
        assert_eq!(count("30.0").unwrap(), Inner { count: 30 });
        for wrong in ["30.5", "256.0", "1e30", "-1.0"] {
            assert!(count(wrong).is_err(), "{wrong}");
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
            let read = super::json(value.to_string().as_bytes()).unwrap().value;
            prop_assert_eq!(&read, &value);
            prop_assert_eq!(typed::<Value>(&read, "").unwrap(), value);
        }
    }
}

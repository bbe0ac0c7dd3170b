//! The details of a row as the hash covers them: RFC 8785 JSON.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::io::Write as _;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::canonical::NotCanonical;

/// The largest integer that RFC 8785 encodes exactly (RFC 7493, section 2.2).
const LARGEST: u64 = 1 << 53;

/// How deep values may be nested. `serde_json` sets the same limit.
const DEEPEST: usize = 128;

/// Details as RFC 8785 JSON, or none if they have no members. Errors: they contain a number that RFC 8785 doesn't encode
/// exactly.
pub(crate) fn canonical(details: &Map<String, Value>) -> Result<Option<Vec<u8>>, NotCanonical> {
    if details.is_empty() {
        return Ok(None);
    }
    let text = serde_json::to_string(details).map_err(|_| NotCanonical)?;
    let mut to = Vec::with_capacity(text.len());
    write(&text, &mut to)?;
    Ok(Some(to))
}

/// Writes JSON as RFC 8785 requires. The text is read where it is, because a verifier does this for each row. Errors: as
/// for [`canonical`], or the text isn't JSON.
pub(crate) fn write(text: &str, to: &mut Vec<u8>) -> Result<(), NotCanonical> {
    let value: &RawValue = read(text)?;
    write_value(value.get(), to, DEEPEST)
}

fn write_value(text: &str, to: &mut Vec<u8>, depth: usize) -> Result<(), NotCanonical> {
    let depth = depth.checked_sub(1).ok_or(NotCanonical)?;
    match text.as_bytes() {
        [b'{', ..] => {
            let members: BTreeMap<Name<'_>, &RawValue> = read(text)?;
            to.push(b'{');
            for (number, (name, value)) in members.iter().enumerate() {
                if number > 0 {
                    to.push(b',');
                }
                write_text(&name.0, to)?;
                to.push(b':');
                write_value(value.get(), to, depth)?;
            }
            to.push(b'}');
        }
        [b'[', ..] => {
            let values: Vec<&RawValue> = read(text)?;
            to.push(b'[');
            for (number, value) in values.iter().enumerate() {
                if number > 0 {
                    to.push(b',');
                }
                write_value(value.get(), to, depth)?;
            }
            to.push(b']');
        }
        [b'"', ..] => {
            let Name(value) = read(text)?;
            write_text(&value, to)?;
        }
        [b't' | b'f' | b'n', ..] => to.extend(text.as_bytes()),
        _ => {
            // A fraction or an exponent isn't the text of an integer.
            let number: i64 = text.parse().map_err(|_| NotCanonical)?;
            if number.unsigned_abs() > LARGEST {
                return Err(NotCanonical);
            }
            write!(to, "{number}").map_err(|_| NotCanonical)?;
        }
    }
    Ok(())
}

/// `serde_json` escapes the same characters in the same way as RFC 8785, section 3.2.2.2.
fn write_text(text: &str, to: &mut Vec<u8>) -> Result<(), NotCanonical> {
    serde_json::to_writer(to, text).map_err(|_| NotCanonical)
}

fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, NotCanonical> {
    serde_json::from_str(text).map_err(|_| NotCanonical)
}

/// The name of a member. Names are in the order of their UTF-16 code units (RFC 8785, section 3.2.3).
#[derive(Deserialize, PartialEq, Eq)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl Ord for Name<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.encode_utf16().cmp(other.0.encode_utf16())
    }
}

impl PartialOrd for Name<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text() -> impl Strategy<Value = String> {
        // The order by UTF-16 differs from that by UTF-8 where a character beyond U+FFFF meets one from U+E000.
        prop_oneof![
            any::<String>(),
            "[\u{0}-\u{7f}\u{e000}\u{ffff}\u{10000}\u{10ffff}]{0,3}"
        ]
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-(1_i64 << 53)..=1 << 53).prop_map(Value::from),
            text().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                members(inner).prop_map(Value::from),
            ]
        })
    }

    fn members(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
        proptest::collection::vec((text(), value), 0..4)
            .prop_map(|members| members.into_iter().collect())
    }

    proptest! {
        #[test]
        fn details_are_written_as_another_implementation_of_rfc_8785_writes_them(
            details in members(value()), spaces in any::<bool>(),
        ) {
            let expected = (!details.is_empty()).then(|| serde_jcs::to_vec(&details).unwrap());
            prop_assert_eq!(&canonical(&details).unwrap(), &expected);
            // PostgreSQL writes spaces, and members in another order.
            let text = match spaces {
                true => serde_json::to_string_pretty(&details).unwrap(),
                false => serde_json::to_string(&details).unwrap(),
            };
            let mut written = Vec::new();
            write(&text, &mut written).unwrap();
            prop_assert_eq!(written, expected.unwrap_or_else(|| b"{}".to_vec()));
        }
    }

    #[test]
    fn a_number_has_one_form_and_an_object_that_looks_like_one_is_an_object() {
        let written = |text: &str| {
            let mut to = Vec::new();
            write(text, &mut to).map(|()| String::from_utf8(to).unwrap())
        };
        assert_eq!(
            written("[-0, 9007199254740992]").unwrap(),
            "[0,9007199254740992]"
        );
        for inexact in [
            "1.0",
            "1e3",
            "9007199254740993",
            "-9007199254740993",
            "1e400",
        ] {
            assert!(written(&format!("[{inexact}]")).is_err(), "{inexact}");
        }
        // The name by which serde_json gives a number of any size to its own types.
        let disguised = r#"{"n":{"$serde_json::private::Number":"5"}}"#;
        assert_eq!(written(disguised).unwrap(), disguised);
        assert_ne!(written(disguised), written(r#"{"n":5}"#));
    }

    #[test]
    fn details_that_are_nested_too_deep_or_are_not_json_have_no_form() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let mut to = Vec::new();
        assert!(write(&nested(DEEPEST), &mut to).is_ok());
        assert!(write(&nested(DEEPEST + 1), &mut to).is_err());
        assert!(write(&nested(10_000), &mut to).is_err());
        for text in ["", "{", "01", "+1", "nul", "{\"a\":1}x", "\"\n\""] {
            assert!(write(text, &mut to).is_err(), "{text}");
        }
        assert_eq!(canonical(&Map::new()), Ok(None));
    }
}

//! Compares what the cloud has with what a bundle says.

use chrono::{DateTime, DurationRound as _, TimeDelta};
use parsing::{TextKind, normal};
use serde_json::{Map, Value};

/// Whether the API keeps both values as the same. It writes times in UTC to the microsecond, and text in Unicode
/// Normalization Form C. A missing member is null.
pub fn is_same(there: &Value, wanted: &Value) -> bool {
    match (there, wanted) {
        (Value::Object(there), Value::Object(wanted)) => there
            .keys()
            .chain(wanted.keys())
            .all(|name| is_same(member(there, name), member(wanted, name))),
        (Value::Array(there), Value::Array(wanted)) => {
            there.len() == wanted.len() && there.iter().zip(wanted).all(|(a, b)| is_same(a, b))
        }
        (Value::Number(there), Value::Number(wanted)) => {
            there == wanted || decimal(&there.to_string()) == decimal(&wanted.to_string())
        }
        (Value::String(there), Value::String(wanted)) => {
            there == wanted
                || moment(wanted).is_some_and(|wanted| moment(there) == Some(wanted))
                || normal(there, TextKind::Text) == normal(wanted, TextKind::Text)
        }
        _ => there == wanted,
    }
}

/// The merge patch (RFC 7396) that makes `wanted` of these fields of `there`; empty if they are the same. A field that
/// `wanted` lacks becomes null.
pub fn patch(there: &Value, wanted: &Value, fields: &[&str]) -> Map<String, Value> {
    let changed = fields
        .iter()
        .filter(|name| !is_same(&there[**name], &wanted[**name]));
    changed
        .map(|name| ((*name).to_owned(), merge(&there[*name], &wanted[*name])))
        .collect()
}

/// The merge patch that makes `wanted` of `there`.
fn merge(there: &Value, wanted: &Value) -> Value {
    let (Value::Object(former), Value::Object(new)) = (there, wanted) else {
        return wanted.clone();
    };
    let names = former.keys().chain(new.keys());
    let changed = names.filter(|name| !is_same(member(former, name), member(new, name)));
    let changed =
        changed.map(|name| (name.clone(), merge(member(former, name), member(new, name))));
    Value::Object(changed.collect())
}

fn member<'a>(object: &'a Map<String, Value>, name: &str) -> &'a Value {
    object.get(name).unwrap_or(&Value::Null)
}

/// A number without the zeros that say nothing: its sign, its digits, and the power of ten of the last one. PostgreSQL
/// writes `1e2` as `100`.
fn decimal(text: &str) -> Option<(bool, String, i64)> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse().ok()?),
        None => (text, 0_i64),
    };
    let is_negative = mantissa.starts_with('-');
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole.trim_start_matches('-'), fraction].concat();
    let significant = digits.trim_end_matches('0');
    let zeros = i64::try_from(digits.len() - significant.len()).ok()?;
    let power = exponent - i64::try_from(fraction.len()).ok()? + zeros;
    let significant = significant.trim_start_matches('0').to_owned();
    Some(match significant.is_empty() {
        true => (false, significant, 0),
        false => (is_negative, significant, power),
    })
}

/// The point in time that the text is, to the microsecond.
fn moment(text: &str) -> Option<DateTime<chrono::FixedOffset>> {
    let moment = DateTime::parse_from_rfc3339(text).ok()?;
    moment.duration_round(TimeDelta::microseconds(1)).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parsed(number: &str) -> Value {
        number.parse().unwrap_or_default()
    }

    #[test]
    fn what_the_api_keeps_as_the_same_is_the_same() {
        for (there, wanted) in [
            (
                json!("2020-01-02T10:05:00Z"),
                json!("2020-01-02T05:05:00-05:00"),
            ),
            (json!(170.5), json!(170.50)),
            (json!(180), json!(180.0)),
            (parsed("100"), parsed("1e2")),
            (parsed("-0.0"), parsed("0")),
            (parsed("0.00120"), parsed("12E-4")),
            (json!("Zoe\u{301}"), json!("Zo\u{e9}")),
            (json!({"a": 1, "b": null}), json!({"a": 1})),
            (json!([{"a": 1}]), json!([{"a": 1, "b": null}])),
        ] {
            assert!(is_same(&there, &wanted), "{there} {wanted}");
        }
        for (there, wanted) in [
            (json!("2020-01-02"), json!("2020-01-02T00:00:00Z")),
            (json!(170.5), json!(170.51)),
            (json!(1), json!(-1)),
            (json!(1), json!(10)),
            (parsed("0.1"), parsed("0.10000000000000000000001")),
            (json!(null), json!(0)),
            (json!({"a": 1, "b": 2}), json!({"a": 1})),
            (json!([1, 2]), json!([2, 1])),
        ] {
            assert!(!is_same(&there, &wanted), "{there} {wanted}");
        }
    }

    #[test]
    fn a_patch_names_only_what_differs_and_removes_what_is_gone() {
        let there = json!({"content": {"value": {"text": "high"}, "code": {"code": "1"}}, "diagnosis": "x", "n": 1});
        let wanted = json!({"content": {"value": {"quantity": {"value": 1}}, "code": {"code": "1"}}, "n": 1});
        let patch = patch(&there, &wanted, &["content", "diagnosis", "n"]);
        assert_eq!(
            Value::Object(patch),
            json!({"content": {"value": {"text": null, "quantity": {"value": 1}}}, "diagnosis": null})
        );
    }
}

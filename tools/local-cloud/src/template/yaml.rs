//! Reads values of a template. A value may carry a tag of CloudFormation, such as `!Sub`.

use serde_yaml_ng::{Mapping, Value};

/// The mapping of this name at the top of a document.
pub fn mapping<'a>(document: &'a Value, name: &str) -> Option<&'a Mapping> {
    map_of(document.get(name)?)
}

/// A mapping, with or without a tag.
pub fn map_of(value: &Value) -> Option<&Mapping> {
    match value {
        Value::Tagged(tagged) => tagged.value.as_mapping(),
        plain => plain.as_mapping(),
    }
}

/// A text, number or truth value as text; `None` if it carries a tag.
pub fn text_of(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

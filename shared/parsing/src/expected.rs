//! What a type expects, for the message to the caller.

use std::fmt;

use serde::de::{Error, Expected, Unexpected};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The value that a type expects.
///
/// A deserializer sees it only as text. Its plain text is for people. Its alternate text (`{:#}`) is JSON, from
/// which [`of`](Self::of) reads it again, so no message has to be parsed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Expectation {
    /// The value in words, for example `a date (RFC 3339)`.
    pub(crate) what: String,
    /// A value that the type accepts. It is shown to the caller, and it stands in for the refused value while
    /// the rest of the request is checked.
    pub(crate) example: Option<Value>,
    /// What is wrong with a text of the right type, for example `with a line break`.
    pub(crate) fault: String,
    /// The field at fault below the value, if the value is an object.
    pub(crate) field: Option<String>,
}

impl Expectation {
    pub(crate) fn new(what: impl Into<String>, example: Option<Value>) -> Self {
        Self {
            what: what.into(),
            example,
            fault: String::new(),
            field: None,
        }
    }

    /// Reads the expectation of a type. Types of serde and other libraries describe themselves in the words of
    /// Rust, which no caller should read.
    pub(crate) fn of(expected: &dyn Expected) -> Self {
        let text = format!("{expected:#}");
        serde_json::from_str(&text).unwrap_or_else(|_| match text.as_str() {
            "a JSON number" => Self::new("a number", Some(1.into())),
            _ => Self::unknown(),
        })
    }

    /// The expectation of a type that doesn't describe itself to callers.
    pub(crate) fn unknown() -> Self {
        Self::new("a value as the API document describes it", None)
    }

    /// One of these labels.
    pub(crate) fn one_of(labels: &[&str]) -> Self {
        Self::new(one_of(labels), None)
    }

    /// The expectation in words, with an example.
    pub(crate) fn words(&self) -> String {
        match &self.example {
            Some(Value::String(example)) => {
                format!("expected {}, for example {example}", self.what)
            }
            Some(example @ (Value::Number(_) | Value::Bool(_))) => {
                format!("expected {}, for example {example}", self.what)
            }
            _ => format!("expected {}", self.what),
        }
    }
}

impl Expected for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match f.alternate() {
            true => f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?),
            false => f.write_str(&self.what),
        }
    }
}

/// The error of a type that expects another value. `example` is a value that the type accepts. The error
/// doesn't repeat the refused value: that may be PHI.
pub fn expected<E: Error>(what: &str, example: impl Into<Value>) -> E {
    unexpected(&Expectation::new(what, Some(example.into())))
}

/// The error of a type that expects another text. `fault` says what is wrong with it in words that follow
/// `a string of 5 characters`, such as `with a line break`.
pub fn expected_text<E: Error>(what: &str, example: &str, fault: String) -> E {
    unexpected(&Expectation {
        fault,
        ..Expectation::new(what, Some(example.into()))
    })
}

/// The error of an object whose fields don't fit together. `field` is the field at fault, and `example` an
/// object that the type accepts.
pub fn expected_field<E: Error>(field: &str, what: &str, example: Value) -> E {
    unexpected(&Expectation {
        field: Some(field.to_owned()),
        ..Expectation::new(what, Some(example))
    })
}

fn unexpected<E: Error>(expectation: &Expectation) -> E {
    E::invalid_value(Unexpected::Other("value"), expectation)
}

/// The names as a choice in words.
pub(crate) fn one_of(names: &[&str]) -> String {
    match names {
        [only] => format!("`{only}`"),
        [one, other] => format!("`{one}` or `{other}`"),
        names => {
            let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
            format!("one of {}", names.join(", "))
        }
    }
}

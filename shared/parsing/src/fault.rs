//! The reason why a value doesn't fit a type. It stays structured, so no error text has to be parsed.

use std::fmt;

use errors::{Error, FieldError};
use serde::de::{Expected, Unexpected};

/// A serde error without the value that caused it.
#[derive(Debug)]
pub(crate) struct Fault {
    /// The field at fault below the path at which serde stopped, for example a missing field.
    field: Option<String>,
    message: Message,
}

#[derive(Debug)]
enum Message {
    Text(String),
    /// The field or parameter is not one of these.
    Unknown(&'static [&'static str]),
}

impl Fault {
    fn new(message: impl Into<String>) -> Self {
        Self {
            field: None,
            message: Message::Text(message.into()),
        }
    }

    fn expected(expected: &dyn Expected) -> Self {
        let expected = expected.to_string();
        // serde names number types as Rust does.
        let expected = match expected.as_str() {
            "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" | "usize" => {
                "a whole number in range"
            }
            "f32" | "f64" => "a number",
            other => other,
        };
        Self::new(format!("expected {expected}"))
    }

    /// A value that is none of the variants of an enum. The enum's attribute `expecting` can say more than the
    /// names of its variants.
    pub(crate) fn no_variant(
        name: &str,
        variants: &'static [&'static str],
        expected: &dyn Expected,
    ) -> Self {
        match expected.to_string() {
            text if text == format!("enum {name}") => {
                Self::new(format!("expected {}", one_of(variants)))
            }
            text => Self::new(format!("expected {text}")),
        }
    }

    /// A key that appears twice in one object.
    pub(crate) fn duplicate(key: String) -> Self {
        Self {
            field: Some(key),
            message: Message::Text("appears twice".to_owned()),
        }
    }

    /// A key that the parser reserves for itself.
    pub(crate) fn reserved(key: String) -> Self {
        Self {
            field: Some(key),
            message: Message::Text("is not a known field".to_owned()),
        }
    }

    /// A number that can't be kept with all its digits.
    pub(crate) fn too_many_digits() -> Self {
        Self::new("expected a number of at most 64 digits")
    }

    /// The request's error for this fault at `path`. `also` are further names that are known there.
    pub(crate) fn at(self, path: &str, also: &[&str]) -> Error {
        let path = if path == "." { "" } else { path };
        let field = match (path, self.field) {
            (path, None) => path.to_owned(),
            ("", Some(field)) => field,
            (path, Some(field)) => format!("{path}.{field}"),
        };
        let message = match self.message {
            Message::Text(text) => text,
            Message::Unknown(names) => match [names, also].concat().as_slice() {
                [] => "is not a known field or parameter".to_owned(),
                names => format!(
                    "is not a known field or parameter; expected {}",
                    one_of(names)
                ),
            },
        };
        Error::Invalid(vec![FieldError::new(field, message)])
    }
}

impl serde::de::Error for Fault {
    // The text is dropped, because it may quote the value.
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::new("is not valid; the API document describes the expected value")
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::expected(expected)
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::expected(expected)
    }

    fn invalid_length(_: usize, expected: &dyn Expected) -> Self {
        Self::expected(expected)
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("expected {}", one_of(expected)))
    }

    fn unknown_field(_: &str, expected: &'static [&'static str]) -> Self {
        Self {
            field: None,
            message: Message::Unknown(expected),
        }
    }

    fn missing_field(field: &'static str) -> Self {
        Self {
            field: Some(field.to_owned()),
            message: Message::Text("is required".to_owned()),
        }
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::duplicate(field.to_owned())
    }
}

fn one_of(names: &[&str]) -> String {
    match names {
        [only] => format!("`{only}`"),
        [one, other] => format!("`{one}` or `{other}`"),
        names => {
            let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
            format!("one of {}", names.join(", "))
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.message)
    }
}

impl std::error::Error for Fault {}

//! The error of the reader. It stays structured, so no error text has to be parsed.

use std::fmt;

use serde::de::{Expected, Unexpected};

use crate::expected::Expectation;

/// A serde error without the value that caused it.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    /// Where it was found. None until the reader of the value adds it.
    pub(crate) place: Option<Box<Place>>,
}

#[derive(Debug)]
pub(crate) enum FaultKind {
    /// The value isn't the expected one.
    Expected(Box<Expectation>),
    /// The object lacks this field.
    Missing(&'static str),
    /// The object has these fields, which its type doesn't know.
    Unknown {
        known: &'static [&'static str],
        names: Vec<String>,
    },
}

/// The place of a value, and what was received there.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// A JSON Pointer.
    pub(crate) pointer: String,
    pub(crate) received: Received,
}

/// A received value without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// A string of this many characters.
    Text(usize),
    /// Another value, in words.
    Other(String),
    /// Nothing: the value stands in for a received one, so its faults aren't the caller's.
    StandIn,
}

impl Fault {
    pub(crate) fn new(kind: FaultKind) -> Self {
        Self { kind, place: None }
    }

    pub(crate) fn expected(expectation: Expectation) -> Self {
        Self::new(FaultKind::Expected(Box::new(expectation)))
    }

    /// Adds the place, unless the fault was found further below.
    pub(crate) fn placed(mut self, place: impl FnOnce() -> Place) -> Self {
        self.place.get_or_insert_with(|| Box::new(place()));
        self
    }
}

impl fmt::Display for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(1) => f.write_str("a string of 1 character"),
            Self::Text(length) => write!(f, "a string of {length} characters"),
            Self::Other(words) => f.write_str(words),
            Self::StandIn => Ok(()),
        }
    }
}

impl serde::de::Error for Fault {
    // The text is dropped, because it may quote the value.
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::expected(Expectation::unknown())
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::expected(Expectation::of(expected))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::expected(Expectation::of(expected))
    }

    fn invalid_length(_: usize, expected: &dyn Expected) -> Self {
        Self::expected(Expectation::of(expected))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::expected(Expectation::one_of(expected))
    }

    // `Members` adds the names.
    fn unknown_field(_: &str, known: &'static [&'static str]) -> Self {
        Self::new(FaultKind::Unknown {
            known,
            names: Vec::new(),
        })
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(FaultKind::Missing(field))
    }

    // `Members` never gives a key twice.
    fn duplicate_field(_: &'static str) -> Self {
        Self::expected(Expectation::unknown())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.kind)
    }
}

impl std::error::Error for Fault {}

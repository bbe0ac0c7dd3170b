//! A deployment's settings: environment variables, read once when a function starts.
#![warn(missing_docs)]

use std::env;

/// A variable that is missing or has a value of the wrong form. The function does not start.
#[derive(Debug)]
pub struct Misconfigured(
    /// The variable's name.
    pub &'static str,
    /// What is wrong with it.
    pub &'static str,
);

impl std::fmt::Display for Misconfigured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "environment variable {}: {}", self.0, self.1)
    }
}

impl std::error::Error for Misconfigured {}

/// The value of a variable, if it is set and not empty.
pub fn optional(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// The value of a variable. Errors: it is not set, or empty.
pub fn required(name: &'static str) -> Result<String, Misconfigured> {
    optional(name).ok_or(Misconfigured(name, "not set"))
}

/// The value of a variable that is `true` or `false`; `default` if it is not set.
pub fn flag(name: &'static str, default: bool) -> Result<bool, Misconfigured> {
    match optional(name).as_deref() {
        None => Ok(default),
        Some("true") => Ok(true),
        Some("false") => Ok(false),
        Some(_) => Err(Misconfigured(name, "expected true or false")),
    }
}

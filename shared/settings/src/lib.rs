//! Reads the settings of a deployment, which are environment variables, once when a function starts.
//!
//! This crate knows no setting by name and depends on no other crate.
#![warn(missing_docs)]

use std::env;

/// An environment variable is missing or has an invalid value. The function then doesn't start.
#[derive(Debug)]
pub struct Misconfigured(
    /// The name of the variable.
    pub &'static str,
    /// The problem: what was expected, or what is wrong.
    pub &'static str,
);

impl std::fmt::Display for Misconfigured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "environment variable {}: {}", self.0, self.1)
    }
}

impl std::error::Error for Misconfigured {}

/// Returns the value of a variable, or none if it is not set or empty.
pub fn optional(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// Returns the value of a variable. Errors: it is not set or empty.
pub fn required(name: &'static str) -> Result<String, Misconfigured> {
    optional(name).ok_or(Misconfigured(name, "expected a value, but it is not set"))
}

/// Returns the value of a variable that is `true` or `false`, or `default` if it is not set. Errors: it
/// has another value.
pub fn flag(name: &'static str, default: bool) -> Result<bool, Misconfigured> {
    match optional(name).as_deref() {
        None => Ok(default),
        Some("true") => Ok(true),
        Some("false") => Ok(false),
        Some(_) => Err(Misconfigured(name, "expected true or false")),
    }
}

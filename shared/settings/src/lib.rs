//! Reads the settings of a deployment, which are environment variables, once when a function starts.
//!
//! This crate knows no setting by name and no other crate of ours.
#![warn(missing_docs)]

use std::env;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};

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

/// Returns the value of a variable that is a whole number. Errors: it is not set, or has another value.
pub fn whole_number(name: &'static str) -> Result<u64, Misconfigured> {
    let number = required(name)?.parse();
    number.map_err(|_| Misconfigured(name, "expected a whole number"))
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

/// Returns the 32 bytes of a key in base64, as `openssl rand -base64 32` prints it, or in base64url without padding
/// (RFC 4648, 4 and 5), which needs no quotes in a file of variables. None if the text is neither.
pub fn key(text: &str) -> Option<[u8; 32]> {
    let bytes = BASE64_STANDARD.decode(text);
    let bytes = bytes.or_else(|_| BASE64_URL_SAFE_NO_PAD.decode(text));
    bytes.ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_32_bytes_in_base64_or_base64url() {
        let bytes = [0xfb; 32];
        let (plain, safe) = (
            BASE64_STANDARD.encode(bytes),
            BASE64_URL_SAFE_NO_PAD.encode(bytes),
        );
        assert!(plain.contains('+') && plain.ends_with('=') && safe.contains('-'));
        for text in [&plain, &safe] {
            assert_eq!(key(text), Some(bytes), "{text}");
        }
        for text in [
            "",
            "zebrafish",
            &safe[1..],
            &format!("{safe}="),
            &format!(" {safe}"),
            &BASE64_STANDARD.encode([1; 31]),
        ] {
            assert_eq!(key(text), None, "{text}");
        }
    }
}

//! What a deployment decides, read once from the environment.

use std::env;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// A variable that is missing or not as it must be. Start-up ends with it.
#[derive(Debug)]
pub struct Misconfigured(pub &'static str, pub &'static str);

impl std::fmt::Display for Misconfigured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "environment variable {}: {}", self.0, self.1)
    }
}

impl std::error::Error for Misconfigured {}

/// The variable, if set and not empty.
pub fn optional(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// The variable. Errors: unset or empty.
pub fn required(name: &'static str) -> Result<String, Misconfigured> {
    optional(name).ok_or(Misconfigured(name, "not set"))
}

/// `true` or `false`, or `default` where unset.
pub fn flag(name: &'static str, default: bool) -> Result<bool, Misconfigured> {
    match optional(name).as_deref() {
        None => Ok(default),
        Some("true") => Ok(true),
        Some("false") => Ok(false),
        Some(_) => Err(Misconfigured(name, "expected true or false")),
    }
}

/// `CURSOR_KEY`: 32 bytes in base64 that sign page cursors.
pub(crate) fn cursor_key() -> Result<hmac::Key, Misconfigured> {
    const NAME: &str = "CURSOR_KEY";
    let bytes = BASE64_STANDARD
        .decode(required(NAME)?)
        .ok()
        .filter(|bytes| bytes.len() == 32)
        .ok_or(Misconfigured(NAME, "expected 32 bytes in base64"))?;
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

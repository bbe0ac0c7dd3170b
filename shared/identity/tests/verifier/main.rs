//! Tests the verifier with real tokens and a real JWKS endpoint on loopback.

#![expect(
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

mod keys;
mod properties;
mod support;
mod tokens;

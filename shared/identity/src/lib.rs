//! Verifies Supabase access tokens, without a request to Supabase for each token.
//!
//! A [`Verifier`] turns an `Authorization` header into [`Claims`] or a [`Refusal`]. Each rule is
//! checked explicitly, without relying on a library's default. `token.rs` checks the form of a token,
//! `keys.rs` selects the keys that may verify it, `keyring.rs` decides how long keys are trusted, and
//! `claims.rs` checks the claims. `verified_tokens.rs` remembers
//! for a minute which tokens passed.
//!
//! Sources: RFC 6750 (Bearer), RFC 7515 (JWS), RFC 7517 (JWK), RFC 7519 (JWT), RFC 8725 (JWT best
//! current practices), and Supabase's documentation of the claims in its access tokens.
#![warn(missing_docs)]

mod bearer;
mod claims;
mod endpoint;
mod json;
mod keyring;
mod keys;
mod refusal;
mod settings;
mod token;
mod verified_tokens;
mod verifier;

pub use claims::{Assurance, Claims};
pub use refusal::{Kind, Reason, Refusal};
pub use settings::{Settings, SettingsError};
pub use verifier::Verifier;

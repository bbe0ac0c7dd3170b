//! Parses a token into header, payload and signature (RFC 7515, 3.1 and 4.1).

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::{Reason, json};

/// A well-formed token whose signature is not checked yet.
pub(crate) struct Token<'a> {
    pub(crate) algorithm: Algorithm,
    pub(crate) key_id: Option<String>,
    signed: &'a str,
    payload: &'a str,
    signature: &'a str,
}

/// The header parameters that are read. `jwk`, `jku`, `x5c` and `x5u` are ignored, so that a token can't
/// bring its own key (RFC 8725, 3.10). Serde refuses a parameter of this struct that occurs twice.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    // Also true if the value is null: `crit` must be absent.
    #[serde(default, deserialize_with = "present")]
    crit: bool,
}

fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

impl<'a> Token<'a> {
    /// Parses a token without trusting its content. Errors: the token is malformed, or its type,
    /// extensions or algorithm are not supported.
    pub(crate) fn parse(token: &'a str) -> Result<Token<'a>, Reason> {
        let (signed, signature) = token.rsplit_once('.').ok_or(Reason::MalformedToken)?;
        let (header, payload) = signed.split_once('.').ok_or(Reason::MalformedToken)?;
        if payload.contains('.') {
            return Err(Reason::MalformedToken);
        }
        let header: Header = json::object(&decode(header)?).map_err(|_| Reason::MalformedToken)?;
        if header.crit {
            return Err(Reason::CriticalExtension);
        }
        // Supabase writes "JWT". RFC 7519, 5.1 makes `typ` optional and case-insensitive.
        if header
            .typ
            .is_some_and(|typ| !typ.eq_ignore_ascii_case("JWT"))
        {
            return Err(Reason::WrongType);
        }
        let algorithm = match header.alg.as_str() {
            "ES256" => Algorithm::ES256,
            "RS256" => Algorithm::RS256,
            "HS256" => Algorithm::HS256,
            _ => return Err(Reason::UnsupportedAlgorithm),
        };
        Ok(Token {
            algorithm,
            key_id: header.kid,
            signed,
            payload,
            signature,
        })
    }

    /// Whether `key` made the signature with the token's algorithm. Returns false for a key of another
    /// algorithm family.
    pub(crate) fn is_signed_by(&self, key: &DecodingKey) -> bool {
        // This checks only the signature. `jsonwebtoken::decode` would check the claims too, but by
        // default it accepts a missing aud, iss or sub and allows 60 s after expiry. `claims.rs` checks
        // them instead.
        jsonwebtoken::crypto::verify(self.signature, self.signed.as_bytes(), key, self.algorithm)
            .unwrap_or(false)
    }

    /// The claims as JSON. Read them only after the signature was verified.
    pub(crate) fn payload(&self) -> Result<Vec<u8>, Reason> {
        decode(self.payload)
    }
}

fn decode(part: &str) -> Result<Vec<u8>, Reason> {
    BASE64_URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| Reason::MalformedToken)
}

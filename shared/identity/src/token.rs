//! A token's outer shape: header, payload and signature (RFC 7515, 3.1 and 4.1).

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::{Reason, json};

/// A token whose shape is right and whose signature nobody checked yet.
pub(crate) struct Token<'a> {
    pub(crate) algorithm: Algorithm,
    pub(crate) key_id: Option<String>,
    signed: &'a str,
    payload: &'a str,
    signature: &'a str,
}

/// The header parameters that matter. `jwk`, `jku`, `x5c` and `x5u` are not among them: a token
/// does not get to bring its own key (RFC 8725, 3.10). Naming one of these twice is refused.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    // Kept when null: `crit` must not be there at all.
    #[serde(default, deserialize_with = "present")]
    crit: bool,
}

fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

impl<'a> Token<'a> {
    /// Takes a token apart. Trusts nothing in it.
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
        // Supabase writes "JWT"; RFC 7519, 5.1 lets it be absent and compares without case.
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

    /// Whether `key` made the signature, with the token's algorithm. A key of another family
    /// never did.
    pub(crate) fn is_signed_by(&self, key: &DecodingKey) -> bool {
        // The signature alone: `decode` would judge the claims too, by defaults that let a missing
        // aud, iss or sub pass and expiry slip by 60 s. `claims` judges them instead.
        jsonwebtoken::crypto::verify(self.signature, self.signed.as_bytes(), key, self.algorithm)
            .unwrap_or(false)
    }

    /// The claims as JSON, to be read only after the signature was found good.
    pub(crate) fn payload(&self) -> Result<Vec<u8>, Reason> {
        decode(self.payload)
    }
}

fn decode(part: &str) -> Result<Vec<u8>, Reason> {
    BASE64_URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| Reason::MalformedToken)
}

//! Parses a JWKS document (RFC 7517) and selects the keys that may verify tokens.

use jsonwebtoken::jwk::{
    AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse,
};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{Reason, json};

/// The smallest RSA modulus accepted, in bits (RFC 7518, 3.3).
const SMALLEST_RSA: usize = 2048;

/// The usable keys of one JWKS document.
#[derive(Default)]
pub(crate) struct KeySet(Vec<Key>);

struct Key {
    id: String,
    algorithm: Algorithm,
    /// `None` if the document has two keys with this id and algorithm. Neither is trusted then.
    key: Option<DecodingKey>,
}

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

impl KeySet {
    /// Parses a JWKS document. Skips keys that this service can't use (RFC 7517, 5), so that a key of an
    /// unknown kind doesn't lock out all users.
    pub(crate) fn parse(document: &[u8]) -> Result<KeySet, serde_json::Error> {
        let document: Document = json::object(document)?;
        let mut set = KeySet::default();
        for raw in document.keys {
            match json::object(raw.get().as_bytes()).ok().and_then(usable) {
                Some((id, algorithm, key)) => set.add(id, algorithm, key),
                None => tracing::debug!(
                    "skipped a key of the JWKS document that can't verify ES256 or RS256 tokens"
                ),
            }
        }
        Ok(set)
    }

    fn add(&mut self, id: String, algorithm: Algorithm, key: DecodingKey) {
        let same = self
            .0
            .iter_mut()
            .find(|known| known.id == id && known.algorithm == algorithm);
        match same {
            Some(known) => {
                tracing::warn!(
                    "two keys of the JWKS document have the same kid and algorithm, so neither is used"
                );
                known.key = None;
            }
            None => self.0.push(Key {
                id,
                algorithm,
                key: Some(key),
            }),
        }
    }

    /// Returns the key with this id for this algorithm.
    pub(crate) fn find(&self, id: &str, algorithm: Algorithm) -> Result<&DecodingKey, Reason> {
        let mut reason = Reason::UnknownKey;
        for key in self.0.iter().filter(|key| key.id == id) {
            if key.algorithm == algorithm {
                return key.key.as_ref().ok_or(Reason::UnknownKey);
            }
            reason = Reason::KeyMismatch;
        }
        Err(reason)
    }
}

/// Returns the id, algorithm and key of a JWK that can verify ES256 or RS256 signatures and is declared
/// for it. Refuses symmetric keys: a public document must not contain a secret.
fn usable(jwk: Jwk) -> Option<(String, Algorithm, DecodingKey)> {
    let common = &jwk.common;
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    let (algorithm, declared, strong) = match &jwk.algorithm {
        AlgorithmParameters::EllipticCurve(parameters) => {
            // The byte 0x04, then x and y with 32 bytes each.
            let is_a_point = key.try_get_as_bytes().is_ok_and(|point| point.len() == 65);
            let strong = parameters.curve == EllipticCurve::P256 && is_a_point;
            (Algorithm::ES256, KeyAlgorithm::ES256, strong)
        }
        AlgorithmParameters::RSA(_) => (
            Algorithm::RS256,
            KeyAlgorithm::RS256,
            modulus_bits(&key) >= SMALLEST_RSA,
        ),
        _ => return None,
    };
    let for_this_algorithm = common.key_algorithm.is_none_or(|named| named == declared);
    let for_signatures = common
        .public_key_use
        .as_ref()
        .is_none_or(|named| *named == PublicKeyUse::Signature);
    let for_verifying = common
        .key_operations
        .as_ref()
        .is_none_or(|named| named.contains(&KeyOperations::Verify));
    let id = common.key_id.clone().filter(|id| !id.is_empty())?;
    (strong && for_this_algorithm && for_signatures && for_verifying)
        .then_some((id, algorithm, key))
}

fn modulus_bits(key: &DecodingKey) -> usize {
    let jsonwebtoken::DecodingKeyKind::RsaModulusExponent { n, .. } = key.kind() else {
        return 0;
    };
    let mut significant = n.iter().skip_while(|byte| **byte == 0);
    let Some(first) = significant.next() else {
        return 0;
    };
    significant.count() * 8 + (8 - first.leading_zeros() as usize)
}

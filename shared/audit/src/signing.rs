//! The secrets of one execution environment, which are made when it starts and stored nowhere. So whoever has a
//! password for the database can neither sign a row nor take the next place of a chain.

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use aws_lc_rs::rand;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use uuid::Uuid;

/// The key pair and the secret of one execution environment.
pub(crate) struct Secrets {
    pair: Ed25519KeyPair,
    places: hmac::Key,
}

impl Secrets {
    /// Errors: the system gives no random bytes.
    pub(crate) fn new() -> Result<Self, Unspecified> {
        let mut secret = [0; 32];
        rand::fill(&mut secret)?;
        Ok(Self {
            pair: Ed25519KeyPair::generate()?,
            places: hmac::Key::new(HMAC_SHA256, &secret),
        })
    }

    /// The Ed25519 public key (RFC 8032).
    pub(crate) fn public_key(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    /// The Ed25519 signature of a row's hash.
    pub(crate) fn sign(&self, row_hash: &[u8; 32]) -> [u8; 64] {
        let mut signature = [0; 64];
        signature.copy_from_slice(self.pair.sign(row_hash).as_ref());
        signature
    }

    /// The place in a chain, which nobody else can tell in advance: the first 16 bytes of an HMAC-SHA256 over the
    /// chain's id and the position as a 64-bit big-endian number.
    pub(crate) fn place(&self, chain_id: Uuid, seq: i64) -> [u8; 16] {
        let mut message = [0; 24];
        message[..16].copy_from_slice(chain_id.as_bytes());
        message[16..].copy_from_slice(&seq.to_be_bytes());
        let mut place = [0; 16];
        place.copy_from_slice(&hmac::sign(&self.places, &message).as_ref()[..16]);
        place
    }
}

/// Whether `signature` is the Ed25519 signature of this hash with the key pair of this public key.
pub fn is_signed(public_key: &[u8; 32], row_hash: &[u8; 32], signature: &[u8; 64]) -> bool {
    let key = UnparsedPublicKey::new(&ED25519, public_key);
    key.verify(row_hash, signature).is_ok()
}

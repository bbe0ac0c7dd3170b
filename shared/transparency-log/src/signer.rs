//! The key of a log or a witness: in a file on a developer's machine, in AWS KMS in the cloud.

use std::path::Path;

use async_trait::async_trait;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};

use crate::Failure;
use crate::store::create_whole;

#[cfg(feature = "kms")]
pub use kms::KmsSigner;

/// An Ed25519 key that signs. The same message always has the same signature (RFC 8032).
#[async_trait]
pub trait Signer: Send + Sync {
    /// The public key.
    fn public_key(&self) -> [u8; 32];

    /// Signs a message of at most 4,096 bytes. Errors: the key can't be used.
    async fn sign(&self, message: &[u8]) -> Result<[u8; 64], Failure>;
}

/// A key in a file: PKCS#8 in DER, as `openssl genpkey -algorithm ed25519 -outform DER` writes it.
pub struct FileSigner(Ed25519KeyPair);

impl FileSigner {
    /// Reads the key. Errors: the file can't be read, or isn't an Ed25519 key.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        Self::from_pkcs8(&std::fs::read(path)?)
    }

    /// Reads the key. If there is no file, makes a key and writes it, readable only by its owner. Errors: the file can't
    /// be read or written, or isn't an Ed25519 key.
    pub fn open_or_generate(path: &Path) -> Result<Self, Failure> {
        if !path.exists() {
            let key = Ed25519KeyPair::generate()?.to_pkcs8v1()?;
            // If another process made a key in the meantime, that one counts.
            create_whole(path, key.as_ref(), 0o600)?;
        }
        Self::open(path)
    }

    /// The key in a PKCS#8 document in DER. Errors: it isn't an Ed25519 key.
    pub fn from_pkcs8(document: &[u8]) -> Result<Self, Failure> {
        Ok(Self(Ed25519KeyPair::from_pkcs8_maybe_unchecked(document)?))
    }
}

#[async_trait]
impl Signer for FileSigner {
    fn public_key(&self) -> [u8; 32] {
        let mut key = [0; 32];
        key.copy_from_slice(self.0.public_key().as_ref());
        key
    }

    async fn sign(&self, message: &[u8]) -> Result<[u8; 64], Failure> {
        Ok(self.0.try_sign(message)?.as_ref().try_into()?)
    }
}

#[cfg(feature = "kms")]
mod kms {
    use std::collections::BTreeMap;

    use async_trait::async_trait;
    use aws::Service;
    use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde::Deserialize;

    use super::Signer;
    use crate::Failure;

    /// What precedes an Ed25519 public key in its SubjectPublicKeyInfo (RFC 8410, section 4).
    const SPKI: [u8; 12] = [
        0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
    ];

    /// A key of AWS KMS with the key spec `ECC_NIST_EDWARDS25519`. It never leaves KMS.
    pub struct KmsSigner {
        service: Service,
        key_id: String,
        public_key: [u8; 32],
    }

    #[derive(Deserialize)]
    struct PublicKey {
        #[serde(rename = "PublicKey")]
        public_key: String,
    }

    #[derive(Deserialize)]
    struct Signed {
        #[serde(rename = "Signature")]
        signature: String,
    }

    impl KmsSigner {
        /// The key with this id or ARN. It asks KMS for the public key
        /// ([`GetPublicKey`](https://docs.aws.amazon.com/kms/latest/APIReference/API_GetPublicKey.html)). Errors: KMS
        /// refuses, or the key isn't Ed25519.
        pub async fn new(service: Service, key_id: String) -> Result<Self, Failure> {
            let question = BTreeMap::from([("KeyId", key_id.as_str())]);
            let answer: PublicKey = service.call("TrentService.GetPublicKey", &question).await?;
            let spki = STANDARD.decode(answer.public_key)?;
            let key = spki.strip_prefix(&SPKI).and_then(|key| key.try_into().ok());
            Ok(Self {
                public_key: key.ok_or("the key of the log in AWS KMS isn't an Ed25519 key")?,
                service,
                key_id,
            })
        }
    }

    #[async_trait]
    impl Signer for KmsSigner {
        fn public_key(&self) -> [u8; 32] {
            self.public_key
        }

        /// Asks KMS to sign ([`Sign`](https://docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html)), and verifies
        /// the signature.
        async fn sign(&self, message: &[u8]) -> Result<[u8; 64], Failure> {
            let encoded = STANDARD.encode(message);
            let question = BTreeMap::from([
                ("KeyId", self.key_id.as_str()),
                ("Message", encoded.as_str()),
                ("MessageType", "RAW"),
                ("SigningAlgorithm", "ED25519_SHA_512"),
            ]);
            let answer: Signed = self.service.call("TrentService.Sign", &question).await?;
            let signature = STANDARD.decode(answer.signature)?;
            UnparsedPublicKey::new(&ED25519, self.public_key)
                .verify(message, &signature)
                .map_err(|_| "the signature of AWS KMS isn't valid under the log's key")?;
            Ok(signature.as_slice().try_into()?)
        }
    }
}

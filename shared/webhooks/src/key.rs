//! The secrets of webhooks and their signatures, as Standard Webhooks describes them.
//!
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>

use api::input::{FromSecrets, key};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use domain::ids::WebhookId;
use settings::Misconfigured;

/// The key that all secrets of webhooks are derived from: `WEBHOOK_KEY`. So no secret is stored.
pub struct WebhookKey(hmac::Key);

/// The secret of a webhook, 32 bytes.
pub struct SigningSecret([u8; 32]);

impl FromSecrets for WebhookKey {
    fn from_secrets(secrets: &secrets::Secrets) -> Result<Self, Misconfigured> {
        Ok(Self::new(&key(secrets, "WEBHOOK_KEY")?))
    }
}

impl WebhookKey {
    fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The secret of this generation of a webhook. The first one has number 1.
    pub fn secret(&self, webhook: WebhookId, generation: i32) -> SigningSecret {
        let message = format!("caretrail-webhook-v1|{webhook}|{generation}");
        let tag = hmac::sign(&self.0, message.as_bytes());
        let mut secret = [0; 32];
        secret.copy_from_slice(tag.as_ref());
        SigningSecret(secret)
    }
}

impl SigningSecret {
    /// The secret as receivers configure it: `whsec_` and base64.
    pub fn shown(&self) -> String {
        format!("whsec_{}", BASE64_STANDARD.encode(self.0))
    }

    /// The signature of an event in the header `webhook-signature`. `timestamp` is the time of the attempt in seconds
    /// since 1970.
    pub fn sign(&self, event: &str, timestamp: i64, body: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        let message = format!("{event}.{timestamp}.{body}");
        let tag = hmac::sign(&key, message.as_bytes());
        format!("v1,{}", BASE64_STANDARD.encode(tag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u128) -> WebhookId {
        format!("00000000-0000-0000-0000-{number:012}")
            .parse()
            .unwrap()
    }

    #[test]
    fn each_webhook_and_generation_and_key_has_another_secret_and_always_the_same() {
        let (key, other) = (WebhookKey::new(&[1; 32]), WebhookKey::new(&[2; 32]));
        let shown = [
            key.secret(id(1), 1),
            key.secret(id(1), 2),
            key.secret(id(2), 1),
            key.secret(id(1), 12),
            other.secret(id(1), 1),
        ]
        .map(|secret| secret.shown());
        for (index, secret) in shown.iter().enumerate() {
            assert!(!shown[..index].contains(secret));
            assert_eq!(secret.len(), "whsec_".len() + 44);
        }
        assert_eq!(key.secret(id(1), 1).shown(), shown[0]);
    }

    /// By the test vector of the reference libraries.
    #[test]
    fn a_signature_is_that_of_the_reference_libraries() {
        let secret = BASE64_STANDARD
            .decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
            .unwrap();
        let mut padded = [0; 32];
        padded[..secret.len()].copy_from_slice(&secret);
        // HMAC pads a key with zeros to the length of a block.
        let signature = SigningSecret(padded).sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}

//! Who is calling: verifies Supabase access tokens in process.
//!
//! A [`Verifier`] turns an `Authorization` header into [`Claims`] or says why not ([`Refusal`]).
//! Every rule is checked here and none is left to a library's default: what a token must look
//! like in `token.rs`, which key may verify it in `keys.rs`, how long keys are trusted in
//! `keyring.rs`, and what the signed claims must say in `claims.rs`.
//!
//! Sources: RFC 6750 (Bearer), RFC 7515 (JWS), RFC 7517 (JWK), RFC 7519 (JWT), RFC 8725 (JWT best
//! current practices), and the claims Supabase Auth documents for its access tokens.

mod bearer;
mod claims;
mod endpoint;
mod json;
mod keyring;
mod keys;
mod refusal;
mod settings;
mod token;

use std::time::SystemTime;

use jsonwebtoken::{Algorithm, DecodingKey};

pub use claims::{Assurance, Claims};
pub use refusal::{Reason, Refusal};
pub use settings::{Settings, SettingsError};

use endpoint::Endpoint;
use keyring::Keyring;
use token::Token;

/// Where the current time comes from; tests bring their own.
type Clock = Box<dyn Fn() -> SystemTime + Send + Sync>;

/// Verifies access tokens of one Supabase project. Make one per process and share it.
pub struct Verifier {
    issuer: String,
    legacy_secret: Option<DecodingKey>,
    keyring: Keyring,
    clock: Clock,
}

impl Verifier {
    /// A verifier for the project that `settings` name. Opens no connection: keys are fetched when
    /// the first token needs them.
    ///
    /// # Errors
    /// [`SettingsError`] when the URL or the secret must not be used.
    pub fn new(settings: Settings) -> Result<Verifier, SettingsError> {
        Verifier::with_clock(settings, SystemTime::now)
    }

    /// Like [`Verifier::new`], with another source of the current time. One clock serves token
    /// times and key ages alike.
    ///
    /// # Errors
    /// As [`Verifier::new`].
    pub fn with_clock(
        settings: Settings,
        clock: impl Fn() -> SystemTime + Send + Sync + 'static,
    ) -> Result<Verifier, SettingsError> {
        let issuer = settings.issuer()?;
        let keys = Endpoint::new(format!("{issuer}/.well-known/jwks.json"))?;
        Ok(Verifier {
            issuer,
            legacy_secret: settings.legacy_key()?,
            keyring: Keyring::new(keys),
            clock: Box::new(clock),
        })
    }

    /// Verifies the value of an `Authorization` header and returns what the token vouches for.
    ///
    /// # Errors
    /// [`Refusal::Unauthenticated`] when there is no token to trust, [`Refusal::KeysUnavailable`]
    /// when the project's keys cannot be had and so nothing can be said about the token.
    pub async fn verify(&self, authorization: Option<&str>) -> Result<Claims, Refusal> {
        let token = Token::parse(bearer::token(authorization)?)?;
        let verified = match (token.algorithm, &self.legacy_secret) {
            // The algorithm only ever selects among keys made for it, so a token cannot have its
            // HMAC checked with a public key, nor the secret tried on anything but HS256.
            (Algorithm::HS256, Some(secret)) => token.is_signed_by(secret),
            (Algorithm::HS256, None) => return Err(Reason::LegacyNotConfigured.into()),
            (algorithm, _) => {
                let key_id = token.key_id.as_deref().ok_or(Reason::MissingKeyId)?;
                let key = self.keyring.key(key_id, algorithm, &self.clock).await?;
                token.is_signed_by(&key)
            }
        };
        if !verified {
            return Err(Reason::BadSignature.into());
        }
        Ok(claims::check(
            &token.payload()?,
            &self.issuer,
            (self.clock)(),
        )?)
    }
}

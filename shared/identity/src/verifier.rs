//! The verification of a token, from the header to the claims.

use std::time::SystemTime;

use jsonwebtoken::{Algorithm, DecodingKey};

use crate::endpoint::Endpoint;
use crate::keyring::{Clock, Keyring};
use crate::token::Token;
use crate::verified_tokens::VerifiedTokens;
use crate::{Claims, Reason, Refusal, Settings, SettingsError, bearer, claims};

/// Verifies the access tokens of one Supabase project. Create one for each process and share it.
pub struct Verifier {
    issuer: String,
    legacy_secret: Option<DecodingKey>,
    keyring: Keyring,
    verified: VerifiedTokens,
    clock: Clock,
}

impl Verifier {
    /// A verifier for the project in `settings`. Opens no connection: keys are fetched when the first
    /// token needs them. Errors: the URL or the secret is refused.
    pub fn new(settings: Settings) -> Result<Verifier, SettingsError> {
        Verifier::with_clock(settings, SystemTime::now)
    }

    /// Like [`Verifier::new`], with another source of the current time. It applies to the times in tokens
    /// and to the age of keys.
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
            verified: VerifiedTokens::new(),
            clock: Box::new(clock),
        })
    }

    /// Verifies the value of an `Authorization` header and returns the claims of its token. Errors: the
    /// header has no valid token, or the keys of the project are unavailable.
    pub async fn verify(&self, authorization: Option<&str>) -> Result<Claims, Refusal> {
        let token = bearer::token(authorization)?;
        let (hash, now) = (VerifiedTokens::hash(token), (self.clock)());
        if let Some(claims) = self.verified.claims(&hash, now) {
            return Ok(claims);
        }
        let token = Token::parse(token)?;
        let verified = match (token.algorithm, &self.legacy_secret) {
            // The algorithm selects only among the keys for that algorithm. So no HMAC is checked with a
            // public key, and the secret is used only for HS256.
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
        // The keys may have been fetched meanwhile.
        let now = (self.clock)();
        let (claims, expires) = claims::check(&token.payload()?, &self.issuer, now)?;
        self.verified.remember(hash, claims, expires, now);
        Ok(claims)
    }
}

//! Issues access tokens as Supabase Auth does: ES256 keys, published as a JWKS.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use anyhow::{Context, Result};
use bytes::Bytes;
use chrono::Utc;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use jsonwebtoken::jwk::{Jwk, JwkSet, KeyOperations, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::private_file;

/// The path of the JWKS below the URL of a Supabase project.
pub const JWKS_PATH: &str = "/auth/v1/.well-known/jwks.json";

const PEM_END: &str = "-----END PRIVATE KEY-----";

/// Signs tokens and publishes its keys.
#[derive(Debug)]
pub struct Issuer {
    /// The project's URL. The issuer in tokens is `{url}/auth/v1`.
    url: String,
    /// The published keys, oldest first. The last one signs.
    keys: RwLock<Vec<Key>>,
    file: Option<PathBuf>,
    offline: AtomicBool,
    fetches: AtomicUsize,
}

/// A signing key.
#[derive(Clone)]
pub struct Key {
    /// The key id in tokens and in the JWKS: the key's thumbprint (RFC 7638).
    pub kid: String,
    /// The private key, PKCS#8.
    pub pem: String,
    encoding: EncodingKey,
    public: Jwk,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Key({})", self.kid)
    }
}

/// The contents of a token.
#[derive(Debug, Clone)]
pub struct TokenRequest {
    /// The user's id.
    pub sub: Uuid,
    /// The sign-in e-mail.
    pub email: String,
    /// Authenticator assurance level: `aal1` or `aal2`.
    pub aal: String,
    /// Seconds from now; negative for a token that has expired.
    pub expires_in: i64,
    /// The session's id; `None` makes a new one.
    pub session_id: Option<Uuid>,
    /// Claims that replace or extend the others. Null removes a claim.
    pub overrides: Map<String, Value>,
}

impl TokenRequest {
    /// A valid token for `sub` that lasts an hour and has assurance level `aal2`.
    pub fn new(sub: Uuid, email: impl Into<String>) -> Self {
        Self {
            sub,
            email: email.into(),
            aal: "aal2".into(),
            expires_in: 3600,
            session_id: None,
            overrides: Map::new(),
        }
    }

    /// The same with this claim. Null removes the claim.
    #[must_use]
    pub fn with(mut self, claim: &str, value: Value) -> Self {
        self.overrides.insert(claim.to_owned(), value);
        self
    }
}

impl Issuer {
    /// An issuer whose key is not stored. `url` is the project's, without a path.
    ///
    /// # Errors
    /// No key can be made.
    pub fn new(url: impl Into<String>) -> Result<Self> {
        Ok(Self {
            url: url.into(),
            keys: RwLock::new(vec![Key::generate()?]),
            file: None,
            offline: AtomicBool::new(false),
            fetches: AtomicUsize::new(0),
        })
    }

    /// An issuer whose keys are stored in `file`. Makes a key if the file doesn't exist.
    ///
    /// # Errors
    /// The file can't be read or written.
    pub fn open(url: impl Into<String>, file: &Path) -> Result<Self> {
        let content = private_file::read_or_make(file, || {
            Key::generate()
                .map(|key| key.pem)
                .map_err(std::io::Error::other)
        })?;
        let keys: Vec<_> = content
            .split_inclusive(PEM_END)
            .filter(|pem| pem.contains(PEM_END))
            .map(|pem| Key::from_pem(pem.trim()))
            .collect::<Result<_>>()
            .with_context(|| format!("{} holds no keys", file.display()))?;
        anyhow::ensure!(!keys.is_empty(), "{} holds no keys", file.display());
        Ok(Self {
            url: url.into(),
            keys: RwLock::new(keys),
            file: Some(file.to_owned()),
            offline: AtomicBool::new(false),
            fetches: AtomicUsize::new(0),
        })
    }

    /// The project's URL, a function's `SUPABASE_URL`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A signed token.
    ///
    /// # Errors
    /// The token can't be signed.
    pub fn mint(&self, request: &TokenRequest) -> Result<String> {
        let key = self.current_key();
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(key.kid.clone());
        self.sign(&header, &self.claims(request), &key)
    }

    /// A token with a header and a key of the caller's choice.
    ///
    /// # Errors
    /// The token can't be signed.
    pub fn sign(&self, header: &Header, claims: &Map<String, Value>, key: &Key) -> Result<String> {
        Ok(jsonwebtoken::encode(header, claims, &key.encoding)?)
    }

    /// The claims of a token, as Supabase sets them.
    pub fn claims(&self, request: &TokenRequest) -> Map<String, Value> {
        let now = Utc::now().timestamp();
        let claims = json!({
            "iss": format!("{}/auth/v1", self.url),
            "aud": "authenticated",
            "exp": now + request.expires_in,
            // An expired token was issued before it expired.
            "iat": now + request.expires_in.min(0),
            "sub": request.sub,
            "email": request.email,
            "phone": "",
            "role": "authenticated",
            "aal": request.aal,
            "amr": [{"method": "password", "timestamp": now}],
            "session_id": request.session_id.unwrap_or_else(Uuid::new_v4),
            "is_anonymous": false,
            "app_metadata": {},
            "user_metadata": {},
        });
        let Value::Object(mut claims) = claims else {
            return Map::new();
        };
        for (name, value) in &request.overrides {
            if value.is_null() {
                claims.remove(name);
            } else {
                claims.insert(name.clone(), value.clone());
            }
        }
        claims
    }

    /// The key that signs tokens.
    pub fn current_key(&self) -> Key {
        self.keys()
            .last()
            .cloned()
            .unwrap_or_else(|| unreachable!("an issuer has a key"))
    }

    /// Makes a new key and signs with it from now on. The old keys stay published. Returns the new key.
    ///
    /// # Errors
    /// The key can't be made or stored.
    pub fn rotate(&self) -> Result<Key> {
        let key = Key::generate()?;
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        keys.push(key.clone());
        self.keep(&keys)?;
        Ok(key)
    }

    /// Publishes only the key that signs.
    ///
    /// # Errors
    /// The keys can't be stored.
    pub fn forget_old_keys(&self) -> Result<()> {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        let old = keys.len() - 1;
        keys.drain(..old);
        self.keep(&keys)
    }

    /// While offline, the JWKS answers 503.
    pub fn set_offline(&self, offline: bool) {
        self.offline.store(offline, Ordering::SeqCst);
    }

    /// The number of requests for the JWKS so far.
    pub fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }

    /// The published keys, newest first.
    pub fn jwks(&self) -> JwkSet {
        JwkSet {
            keys: self
                .keys()
                .iter()
                .rev()
                .map(|key| key.public.clone())
                .collect(),
        }
    }

    /// Answers a request for [`JWKS_PATH`].
    pub fn answer(&self) -> Response<Full<Bytes>> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        if self.offline.load(Ordering::SeqCst) {
            let mut response = Response::new(Full::default());
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            return response;
        }
        let content = serde_json::to_vec(&self.jwks()).unwrap_or_default();
        let mut response = Response::new(Full::new(content.into()));
        let headers = response.headers_mut();
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        headers.insert(
            "cache-control",
            HeaderValue::from_static("public, max-age=600"),
        );
        response
    }

    fn keys(&self) -> RwLockReadGuard<'_, Vec<Key>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, keys: &[Key]) -> Result<()> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        let content: String = keys
            .iter()
            .map(|key| format!("{}\n", key.pem.trim()))
            .collect();
        Ok(private_file::write(file, content.as_bytes())?)
    }
}

impl Key {
    /// A new key.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn generate() -> Result<Self> {
        Self::from_pem(&KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?.serialize_pem())
    }

    fn from_pem(pem: &str) -> Result<Self> {
        let encoding = EncodingKey::from_ec_pem(pem.as_bytes())?;
        let mut public = Jwk::from_encoding_key(&encoding, Algorithm::ES256)?;
        let kid = public.thumbprint(ThumbprintHash::SHA256)?;
        public.common.key_id = Some(kid.clone());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        public.common.key_operations = Some(vec![KeyOperations::Verify]);
        Ok(Self {
            kid,
            pem: pem.to_owned(),
            encoding,
            public,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};

    use super::*;

    fn verify(issuer: &Issuer, token: &str) -> Result<Map<String, Value>> {
        let kid = decode_header(token)?.kid.context("kid")?;
        let jwks: JwkSet = serde_json::from_value(serde_json::to_value(issuer.jwks())?)?;
        let key = DecodingKey::from_jwk(jwks.find(&kid).context("published")?)?;
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_audience(&["authenticated"]);
        validation.set_issuer(&[format!("{}/auth/v1", issuer.url())]);
        validation.leeway = 0;
        Ok(decode(token, &key, &validation)?.claims)
    }

    #[test]
    fn a_token_verifies_with_the_published_key_and_says_what_was_asked() {
        let issuer = Issuer::new("http://127.0.0.1:1").unwrap();
        let sub = Uuid::new_v4();
        let mut request = TokenRequest::new(sub, "demo@example.org").with("phone", Value::Null);
        request.aal = "aal1".into();
        let claims = verify(&issuer, &issuer.mint(&request).unwrap()).unwrap();
        assert_eq!(
            (&claims["sub"], &claims["aal"], claims.get("phone")),
            (&json!(sub), &json!("aal1"), None)
        );
        assert_eq!(
            claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
            3600
        );
    }

    #[test]
    fn an_expired_token_does_not_verify() {
        let issuer = Issuer::new("http://127.0.0.1:1").unwrap();
        let mut request = TokenRequest::new(Uuid::new_v4(), "demo@example.org");
        request.expires_in = -5;
        assert!(verify(&issuer, &issuer.mint(&request).unwrap()).is_err());
    }

    #[test]
    fn rotation_keeps_old_tokens_good_until_the_old_key_is_forgotten() {
        let issuer = Issuer::new("http://127.0.0.1:1").unwrap();
        let request = TokenRequest::new(Uuid::new_v4(), "demo@example.org");
        let before = issuer.mint(&request).unwrap();
        let key = issuer.rotate().unwrap();
        let after = issuer.mint(&request).unwrap();
        assert_eq!(decode_header(&after).unwrap().kid, Some(key.kid));
        verify(&issuer, &before).unwrap();
        verify(&issuer, &after).unwrap();
        issuer.forget_old_keys().unwrap();
        assert!(verify(&issuer, &before).is_err());
        verify(&issuer, &after).unwrap();
    }

    #[test]
    fn kept_keys_are_private_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("issuer.pem");
        let first = Issuer::open("http://127.0.0.1:1", &file).unwrap();
        first.rotate().unwrap();
        let token = first
            .mint(&TokenRequest::new(Uuid::new_v4(), "demo@example.org"))
            .unwrap();
        let second = Issuer::open("http://127.0.0.1:1", &file).unwrap();
        assert_eq!(second.jwks().keys.len(), 2);
        verify(&second, &token).unwrap();
        assert_eq!(
            std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }

    #[test]
    fn the_key_set_can_be_taken_offline_and_counts_its_readers() {
        let issuer = Issuer::new("http://127.0.0.1:1").unwrap();
        assert_eq!(issuer.answer().status(), 200);
        issuer.set_offline(true);
        assert_eq!(issuer.answer().status(), 503);
        assert_eq!(issuer.fetches(), 2);
    }
}

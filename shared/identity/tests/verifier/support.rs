//! A small Supabase project: keys, tokens, a JWKS endpoint that can fail, and a clock.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{self, EcdsaKeyPair, KeyPair};
use aws_lc_rs::{hmac, rsa};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use identity::{Settings, Verifier};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The time at which each test begins, in seconds since 1970.
pub const NOW: u64 = 1_800_000_000;

/// The legacy secret of the projects that have one.
pub const SECRET: &str = "a-legacy-secret-made-up-for-these-tests";

/// The user and the sign-in of each valid token.
pub const SUB: &str = "8f14e45f-ceea-467f-a0e6-3b1d1f0c9a01";
pub const SESSION: &str = "45c48cce-2e2d-4fbd-aa1a-7c2a7d3f0b02";

/// Encodes bytes in base64url without padding.
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// A signing key for one of the three algorithms.
pub enum SigningKey {
    Es256(EcdsaKeyPair),
    Rs256(rsa::KeyPair),
    Hs256(Vec<u8>),
}

impl SigningKey {
    pub fn es256() -> SigningKey {
        let algorithm = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
        SigningKey::Es256(EcdsaKeyPair::generate(algorithm).unwrap())
    }

    pub fn rs256() -> SigningKey {
        SigningKey::Rs256(rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap())
    }

    pub fn hs256(secret: impl AsRef<[u8]>) -> SigningKey {
        SigningKey::Hs256(secret.as_ref().to_vec())
    }

    pub fn algorithm(&self) -> &'static str {
        match self {
            SigningKey::Es256(_) => "ES256",
            SigningKey::Rs256(_) => "RS256",
            SigningKey::Hs256(_) => "HS256",
        }
    }

    /// The public key, as Supabase Auth publishes it.
    pub fn jwk(&self, kid: &str) -> Value {
        let mut jwk = match self {
            SigningKey::Es256(pair) => {
                let point = pair.public_key().as_ref();
                let (x, y) = (encode(&point[1..33]), encode(&point[33..]));
                json!({"kty": "EC", "crv": "P-256", "x": x, "y": y})
            }
            SigningKey::Rs256(pair) => {
                let public = pair.public_key();
                let (n, e) = (public.modulus(), public.exponent());
                json!({
                    "kty": "RSA",
                    "n": encode(n.big_endian_without_leading_zero()),
                    "e": encode(e.big_endian_without_leading_zero()),
                })
            }
            SigningKey::Hs256(secret) => json!({"kty": "oct", "k": encode(secret)}),
        };
        jwk["kid"] = kid.into();
        jwk["alg"] = self.algorithm().into();
        jwk["use"] = "sig".into();
        jwk["key_ops"] = json!(["verify"]);
        jwk["ext"] = true.into();
        jwk
    }

    pub fn sign(&self, message: &str) -> Vec<u8> {
        let message = message.as_bytes();
        let random = SystemRandom::new();
        match self {
            SigningKey::Es256(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            SigningKey::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(
                    &signature::RSA_PKCS1_SHA256,
                    &random,
                    message,
                    &mut signature,
                )
                .unwrap();
                signature
            }
            SigningKey::Hs256(secret) => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
                hmac::sign(&key, message).as_ref().to_vec()
            }
        }
    }

    /// Signs a token with exactly this header and payload, which may be malformed.
    pub fn token(&self, header: impl ToString, payload: impl ToString) -> String {
        let signed = format!(
            "{}.{}",
            encode(header.to_string()),
            encode(payload.to_string())
        );
        format!("{signed}.{}", encode(self.sign(&signed)))
    }
}

/// The answer of the JWKS endpoint.
#[derive(Clone)]
pub enum Answer {
    Document(u16, String),
    /// Redirects to another URL that serves keys.
    Redirect(String),
    /// Closes the connection without an answer.
    Close,
}

impl Answer {
    pub fn keys(keys: impl IntoIterator<Item = Value>) -> Answer {
        let keys: Vec<Value> = keys.into_iter().collect();
        Answer::Document(200, json!({ "keys": keys }).to_string())
    }
}

/// A JWKS endpoint on loopback.
pub struct Project {
    pub url: String,
    now: Arc<AtomicU64>,
    endpoint: Arc<Endpoint>,
}

struct Endpoint {
    answer: Mutex<Answer>,
    /// Whether answers are sent or held back.
    open: watch::Sender<bool>,
    requests: AtomicUsize,
    arrivals: watch::Sender<usize>,
    paths: Mutex<Vec<String>>,
}

impl Project {
    pub async fn serving(keys: impl IntoIterator<Item = Value>) -> Project {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let endpoint = Arc::new(Endpoint {
            answer: Mutex::new(Answer::keys(keys)),
            open: watch::Sender::new(true),
            requests: AtomicUsize::new(0),
            arrivals: watch::Sender::new(0),
            paths: Mutex::default(),
        });
        let serving = endpoint.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, serving.clone()));
            }
        });
        Project {
            url,
            now: Arc::new(AtomicU64::new(NOW)),
            endpoint,
        }
    }

    pub fn issuer(&self) -> String {
        format!("{}/auth/v1", self.url)
    }

    /// The claims of a valid token, as Supabase Auth writes them.
    pub fn claims(&self) -> Value {
        let now = self.now.load(Ordering::SeqCst);
        json!({
            "iss": self.issuer(),
            "aud": "authenticated",
            "exp": now + 3600,
            "iat": now,
            "sub": SUB,
            "email": "ada@example.org",
            "phone": "",
            "app_metadata": {"provider": "email", "providers": ["email"]},
            "user_metadata": {},
            "role": "authenticated",
            "aal": "aal2",
            "amr": [{"method": "totp", "timestamp": now}],
            "session_id": SESSION,
            "is_anonymous": false,
        })
    }

    /// A valid token that `key` signed, with this `kid`.
    pub fn token(&self, key: &SigningKey, kid: &str) -> String {
        key.token(
            json!({"alg": key.algorithm(), "kid": kid, "typ": "JWT"}),
            self.claims(),
        )
    }

    pub fn verifier(&self) -> Verifier {
        self.verifier_with(None)
    }

    /// A verifier that also accepts legacy tokens.
    pub fn legacy_verifier(&self) -> Verifier {
        self.verifier_with(Some(SECRET.into()))
    }

    fn verifier_with(&self, legacy_secret: Option<String>) -> Verifier {
        let now = self.now.clone();
        let clock = move || UNIX_EPOCH + Duration::from_secs(now.load(Ordering::SeqCst));
        let settings = Settings {
            supabase_url: self.url.clone(),
            legacy_secret,
        };
        Verifier::with_clock(settings, clock).unwrap()
    }

    /// Moves the clock by this many seconds, forward or back.
    pub fn advance(&self, seconds: i64) {
        // Addition wraps: the two's complement of a negative number subtracts it.
        self.now.fetch_add(seconds as u64, Ordering::SeqCst);
    }

    pub fn answer(&self, answer: Answer) {
        *self.endpoint.answer.lock().unwrap() = answer;
    }

    /// The number of requests that the endpoint received.
    pub fn requests(&self) -> usize {
        self.endpoint.requests.load(Ordering::SeqCst)
    }

    pub fn paths(&self) -> Vec<String> {
        self.endpoint
            .paths
            .lock()
            .unwrap()
            .iter()
            .cloned()
            .collect()
    }

    /// Holds back answers until [`Project::release`].
    pub fn hold(&self) {
        self.endpoint.open.send_replace(false);
    }

    pub fn release(&self) {
        self.endpoint.open.send_replace(true);
    }

    /// Waits until the endpoint received `count` requests.
    pub async fn asked(&self, count: usize) {
        let mut arrivals = self.endpoint.arrivals.subscribe();
        let arrived = arrivals.wait_for(|arrived| *arrived >= count);
        tokio::time::timeout(Duration::from_secs(10), arrived)
            .await
            .unwrap()
            .unwrap();
    }
}

async fn serve(stream: TcpStream, endpoint: Arc<Endpoint>) {
    let service = service_fn(move |request: Request<hyper::body::Incoming>| {
        let endpoint = endpoint.clone();
        async move { endpoint.respond(request.uri().path()).await.ok_or(Closed) }
    });
    // An error means that the client or `Answer::Close` closed the connection.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

#[derive(Debug)]
struct Closed;

impl std::fmt::Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("closed on purpose")
    }
}

impl std::error::Error for Closed {}

impl Endpoint {
    async fn respond(&self, path: &str) -> Option<Response<Full<Bytes>>> {
        self.paths.lock().unwrap().push(path.into());
        let arrived = self.requests.fetch_add(1, Ordering::SeqCst) + 1;
        self.arrivals.send_replace(arrived);
        self.open.subscribe().wait_for(|open| *open).await.ok()?;
        let answer = self.answer.lock().unwrap().clone();
        let response = Response::builder();
        match answer {
            Answer::Document(status, body) => {
                Some(response.status(status).body(Full::from(body)).unwrap())
            }
            Answer::Redirect(to) => Some(
                response
                    .status(302)
                    .header("location", to)
                    .body(Full::default())
                    .unwrap(),
            ),
            Answer::Close => None,
        }
    }
}

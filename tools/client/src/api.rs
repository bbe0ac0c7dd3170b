//! Speaks to a running cloud as people do: over HTTP alone, each with a token of their own.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use serde_json::Value;
use uuid::Uuid;

use crate::Client;

/// How often a request is sent before it is given up.
const TRIES: u32 = 6;
/// Before the second try; it doubles for each further one.
const PAUSE: Duration = Duration::from_millis(100);
/// How long a token is used; the issuer's last an hour.
const TOKEN_AGE: Duration = Duration::from_secs(300);

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Person {
    /// The user, a token's `sub`.
    pub id: Uuid,
    /// The sign-in e-mail.
    pub email: String,
}

type Mint = Box<dyn Fn(&Person) -> anyhow::Result<String> + Send + Sync>;

/// A running cloud.
pub struct Api {
    client: Client,
    mint: Mint,
    tokens: Mutex<HashMap<Uuid, (Instant, String)>>,
    sent: AtomicU64,
}

impl fmt::Debug for Api {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.client.fmt(out)
    }
}

/// Why a call did not succeed. Tells nothing of what was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Answered, with another status than success.
    Problem {
        /// The status.
        status: u16,
        /// The last part of the problem's `type`, e.g. `already-exists`.
        slug: String,
        /// The fields concerned, with what is expected of them.
        fields: Vec<String>,
        /// The request, as in the audit log.
        request_id: String,
    },
    /// Not answered, after several tries.
    Unanswered(String),
}

impl Refusal {
    /// Whether it is this kind of problem.
    pub fn is(&self, kind: &str) -> bool {
        matches!(self, Self::Problem { slug, .. } if slug == kind)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Problem {
                status,
                slug,
                fields,
                request_id,
            } => {
                write!(out, "answered {status} {slug}")?;
                if !fields.is_empty() {
                    write!(out, " ({})", fields.join("; "))?;
                }
                if !request_id.is_empty() {
                    write!(out, ", request {request_id}")?;
                }
                Ok(())
            }
            Self::Unanswered(reason) => write!(out, "not answered: {reason}"),
        }
    }
}

impl std::error::Error for Refusal {}

impl Api {
    /// The cloud at `base`, such as `http://127.0.0.1:4000`, whose tokens `mint` makes.
    pub fn new(
        base: impl Into<String>,
        mint: impl Fn(&Person) -> anyhow::Result<String> + Send + Sync + 'static,
    ) -> Self {
        Self {
            client: Client::new(base),
            mint: Box::new(mint),
            tokens: Mutex::default(),
            sent: AtomicU64::new(0),
        }
    }

    /// Number of requests sent so far, repetitions included.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// GET, answered 200.
    ///
    /// # Errors
    /// Any other answer, or none.
    pub async fn get(&self, who: &Person, path: &str) -> Result<Value, Refusal> {
        self.call(who, Method::GET, path, None).await
    }

    /// POST of a JSON body.
    ///
    /// # Errors
    /// Any answer but success, or none.
    pub async fn post(&self, who: &Person, path: &str, body: &Value) -> Result<Value, Refusal> {
        self.call(who, Method::POST, path, Some(body)).await
    }

    /// PUT without a body.
    ///
    /// # Errors
    /// Any answer but success, or none.
    pub async fn put(&self, who: &Person, path: &str) -> Result<Value, Refusal> {
        self.call(who, Method::PUT, path, None).await
    }

    async fn call(
        &self,
        who: &Person,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Refusal> {
        let answer = self.answer(who, method, path, body).await?;
        if !answer.status().is_success() {
            return Err(problem(&answer));
        }
        serde_json::from_slice(answer.body())
            .map_err(|_| Refusal::Unanswered("the answer is not JSON".into()))
    }

    /// Any answer of the API.
    ///
    /// # Errors
    /// None came, or only that the cloud is unavailable.
    pub async fn answer(
        &self,
        who: &Person,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Response<Bytes>, Refusal> {
        let token = self
            .token(who)
            .map_err(|error| Refusal::Unanswered(format!("no token: {error}")))?;
        let client = self.client.with_token(token);
        self.patiently(|| client.send(method.clone(), path, body))
            .await
    }

    /// A request to any URL, such as a presigned one, without a token.
    ///
    /// # Errors
    /// As of [`Api::answer`].
    pub async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Refusal> {
        self.patiently(|| self.client.send_request(request.clone().map(Full::new)))
            .await
    }

    /// Tries again when the connection breaks or the other side is unavailable: all that is sent
    /// here may be sent twice.
    async fn patiently<F>(&self, send: impl Fn() -> F) -> Result<Response<Bytes>, Refusal>
    where
        F: Future<Output = anyhow::Result<Response<Bytes>>>,
    {
        let mut pause = PAUSE;
        for tried in 1.. {
            self.sent.fetch_add(1, Ordering::Relaxed);
            match send().await {
                Ok(answer) if tried == TRIES || !is_busy(answer.status()) => {
                    return Ok(answer);
                }
                Err(error) if tried == TRIES => {
                    return Err(Refusal::Unanswered(format!("{error:#}")));
                }
                _ => {}
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        unreachable!("the last try returns")
    }

    /// A token of theirs that hasn't expired.
    fn token(&self, who: &Person) -> anyhow::Result<String> {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((made, token)) = tokens.get(&who.id)
            && made.elapsed() < TOKEN_AGE
        {
            return Ok(token.clone());
        }
        let token = (self.mint)(who)?;
        tokens.insert(who.id, (Instant::now(), token.clone()));
        Ok(token)
    }
}

/// The cloud may well answer a little later.
fn is_busy(status: StatusCode) -> bool {
    [
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::TOO_MANY_REQUESTS,
    ]
    .contains(&status)
}

/// Reads an RFC 9457 problem; a body that is none leaves the status.
pub fn problem(answer: &Response<Bytes>) -> Refusal {
    let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    let slug = body["type"]
        .as_str()
        .and_then(|kind| kind.rsplit('/').next())
        .unwrap_or("without a problem type");
    let fields = body["errors"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|error| {
            let part = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
            format!("{}: {}", part("field"), part("message"))
        });
    Refusal::Problem {
        status: answer.status().as_u16(),
        slug: slug.to_owned(),
        fields: fields.collect(),
        request_id: body["request_id"].as_str().unwrap_or_default().to_owned(),
    }
}

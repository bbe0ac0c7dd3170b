//! Calls the API as several people, each with a token of their own, and retries while it is busy.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, IF_MATCH};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use serde_json::Value;
use uuid::Uuid;

use crate::client::Client;
use crate::refusal::{Refusal, problem};

/// How often a request is sent before it fails.
const TRIES: u32 = 6;
/// The pause before the second try. It doubles for each further try.
const PAUSE: Duration = Duration::from_millis(100);
/// How long a token is used. The local issuer's tokens last an hour.
const TOKEN_AGE: Duration = Duration::from_secs(300);

/// A caller.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Person {
    /// The user's id, the token's `sub`.
    pub id: Uuid,
    /// The sign-in e-mail.
    pub email: String,
}

type Mint = Box<dyn Fn(&Person) -> anyhow::Result<String> + Send + Sync>;

/// A running Caretrail.
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

impl Api {
    /// The API at `base`, such as `http://127.0.0.1:4000`. `mint` makes an access token for a person.
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

    /// The number of requests sent so far, including retries.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Sends GET and returns the JSON of the answer.
    ///
    /// # Errors
    /// The answer has another status than success, or no answer comes.
    pub async fn get(&self, who: &Person, path: &str) -> Result<Value, Refusal> {
        self.call(who, Method::GET, path, None).await
    }

    /// Sends POST with a JSON body and returns the JSON of the answer.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub async fn post(&self, who: &Person, path: &str, body: &Value) -> Result<Value, Refusal> {
        self.call(who, Method::POST, path, Some(body)).await
    }

    /// Sends POST without a body and returns the JSON of the answer.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub async fn post_nothing(&self, who: &Person, path: &str) -> Result<Value, Refusal> {
        self.call(who, Method::POST, path, None).await
    }

    /// Sends POST with a JSON body for this version of a resource, and returns the JSON of the answer.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub async fn post_version(
        &self,
        who: &Person,
        path: &str,
        version: i64,
        body: &Value,
    ) -> Result<Value, Refusal> {
        let sent = (body, "application/json");
        self.at_version(who, Method::POST, path, version, Some(sent))
            .await
    }

    /// Sends PATCH with a merge patch for this version of a resource, and returns the JSON of the answer.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub async fn patch(
        &self,
        who: &Person,
        path: &str,
        version: i64,
        patch: &Value,
    ) -> Result<Value, Refusal> {
        let sent = (patch, "application/merge-patch+json");
        self.at_version(who, Method::PATCH, path, version, Some(sent))
            .await
    }

    /// Sends DELETE for this version of a resource, and returns the JSON of the answer.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub async fn delete(&self, who: &Person, path: &str, version: i64) -> Result<Value, Refusal> {
        self.at_version(who, Method::DELETE, path, version, None)
            .await
    }

    /// Sends a request for this version of a resource. `sent` is its body with the media type.
    async fn at_version(
        &self,
        who: &Person,
        method: Method,
        path: &str,
        version: i64,
        sent: Option<(&Value, &'static str)>,
    ) -> Result<Value, Refusal> {
        let answer = self
            .as_person(who, |client| {
                let mut request = client
                    .request(method.clone(), path)
                    .header(IF_MATCH, format!("\"{version}\""));
                let mut body = Full::default();
                if let Some((json, media_type)) = sent {
                    request = request.header(CONTENT_TYPE, media_type);
                    body = Full::from(json.to_string());
                }
                let request = request.body(body);
                async move { client.send_request(request?).await }
            })
            .await?;
        success(&answer)
    }

    /// Sends PUT without a body and returns the JSON of the answer.
    ///
    /// # Errors
    /// As [`Api::get`].
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
        success(&self.answer(who, method, path, body).await?)
    }

    /// Sends a request and returns the answer, whatever its status.
    ///
    /// # Errors
    /// No answer comes.
    pub async fn answer(
        &self,
        who: &Person,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Response<Bytes>, Refusal> {
        self.as_person(who, |client| {
            let method = method.clone();
            async move { client.send(method, path, body).await }
        })
        .await
    }

    /// Sends a request with a token of this person. If the token isn't accepted, asks for a new one once: the old one
    /// may have expired meanwhile.
    async fn as_person<F>(
        &self,
        who: &Person,
        send: impl Fn(Client) -> F,
    ) -> Result<Response<Bytes>, Refusal>
    where
        F: Future<Output = anyhow::Result<Response<Bytes>>>,
    {
        let client = self.client_of(who)?;
        let answer = self.patiently(|| send(client.clone())).await?;
        if answer.status() != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        self.tokens().remove(&who.id);
        let client = self.client_of(who)?;
        self.patiently(|| send(client.clone())).await
    }

    /// Sends a request to any URL, such as a presigned one, without a token.
    ///
    /// # Errors
    /// As [`Api::answer`].
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, Refusal> {
        self.patiently(|| self.client.send_request(request.clone()))
            .await
    }

    /// Retries when the connection breaks or the API is busy. All that is sent here may be sent
    /// twice.
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

    /// A client with a token of this person.
    fn client_of(&self, who: &Person) -> Result<Client, Refusal> {
        let token = self
            .token(who)
            .map_err(|error| Refusal::Unanswered(format!("no token: {error}")))?;
        Ok(self.client.with_token(token))
    }

    fn tokens(&self) -> MutexGuard<'_, HashMap<Uuid, (Instant, String)>> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A token of this person that hasn't expired.
    fn token(&self, who: &Person) -> anyhow::Result<String> {
        let mut tokens = self.tokens();
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

/// The JSON of a successful answer.
fn success(answer: &Response<Bytes>) -> Result<Value, Refusal> {
    if !answer.status().is_success() {
        return Err(problem(answer));
    }
    serde_json::from_slice(answer.body())
        .map_err(|_| Refusal::Unanswered("the answer is not JSON".into()))
}

/// Whether a later try may succeed.
fn is_busy(status: StatusCode) -> bool {
    [
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::TOO_MANY_REQUESTS,
    ]
    .contains(&status)
}

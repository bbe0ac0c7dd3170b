//! The entry points of the functions. Not generic beyond a thin shell, so that each binary
//! compiles its handler and nothing else anew.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Response, header};
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt as _};
use lambda_runtime::LambdaEvent;
use serde_json::value::RawValue;

use crate::call::{Call, Incoming};
use crate::database::Database;
use crate::endpoint::Endpoint;
use crate::environment::{Environment, Gate, RESERVE};
use crate::errors::Error;
use crate::idempotency::{self, Claim};
use crate::ids::UserId;
use crate::job::Job;
use crate::reply::{Audited, Reply, problem};
use crate::trail::{Caller, Trail};

/// What a handler's future resolves to once its types are erased.
type Outcome = Result<Response<Body>, Error>;
type Handler = Box<dyn Fn(Call) -> Pin<Box<dyn Future<Output = Outcome> + Send>> + Send + Sync>;
type Worker =
    Box<dyn Fn(Job) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send>> + Send + Sync>;

/// Why a function ended; `main` returns it, so that Lambda logs it.
pub type Failure = lambda_runtime::Error;

/// How often a transaction is run again that failed for a passing reason before its COMMIT.
const TRIES: u32 = 3;

const MAX_USER_AGENT: usize = 512;

/// Serves an endpoint: verifies the caller, runs the handler, records what failed.
pub fn serve<H, F, T>(endpoint: Endpoint, handle: H) -> Result<(), Failure>
where
    H: Fn(Call) -> F + Send + Sync + 'static,
    F: Future<Output = Reply<T>> + Send + 'static,
    T: Send + 'static,
{
    serve_boxed(
        endpoint,
        Box::new(move |call| {
            let reply = handle(call);
            Box::pin(async move { reply.await.map(Audited::release) })
        }),
    )
}

/// Serves an event or schedule.
pub fn serve_event<H, F>(endpoint: Endpoint, handle: H) -> Result<(), Failure>
where
    H: Fn(Job) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), Error>> + Send + 'static,
{
    serve_event_boxed(endpoint, Box::new(move |job| Box::pin(handle(job))))
}

/// Serves the health check: no caller, no patient data, and so no audit row.
pub fn serve_health(name: &'static str) -> Result<(), Failure> {
    run(async move {
        let database: &'static Database = Box::leak(Box::new(Database::new(
            &crate::config::required("DATABASE_URL")?,
            crate::config::optional("DATABASE_CA_FILE").as_deref(),
            name,
        )?));
        lambda_http::run(lambda_http::service_fn(
            move |request: Request| async move {
                let request_id = request_id(&request);
                let mut response = match database.ping().await {
                    Ok(()) => {
                        let mut response = Response::new(Body::from(r#"{"status":"ok"}"#));
                        response.headers_mut().insert(
                            header::CONTENT_TYPE,
                            HeaderValue::from_static("application/json"),
                        );
                        response
                    }
                    Err(error) => problem(&error.translated(), &request_id),
                };
                stamp(&mut response, &request_id);
                Ok::<_, Failure>(response)
            },
        ))
        .await
    })
}

/// Serves what is the same for everybody: no caller, no data, and so no audit row. `headers` go
/// with it, its type among them.
pub fn serve_document(
    name: &'static str,
    headers: Vec<(HeaderName, String)>,
    document: String,
) -> Result<(), Failure> {
    let document: &'static str = document.leak();
    let headers: &'static [_] = headers.leak();
    run(async move {
        lambda_http::run(lambda_http::service_fn(
            move |request: Request| async move {
                let request_id = request_id(&request);
                let mut response = Response::new(Body::from(document));
                for (header, value) in headers {
                    let value = HeaderValue::from_str(value)?;
                    response.headers_mut().insert(header, value);
                }
                stamp(&mut response, &request_id);
                tracing::info!(request_id, function = name, "document answered");
                Ok::<_, Failure>(response)
            },
        ))
        .await
    })
}

fn serve_boxed(endpoint: Endpoint, handler: Handler) -> Result<(), Failure> {
    run(async move {
        let service: &'static Service = Box::leak(Box::new(Service {
            environment: Environment::from_env(endpoint)?,
            gate: Gate::from_env()?,
            handler,
        }));
        lambda_http::run(lambda_http::service_fn(
            move |request: Request| async move { Ok::<_, Failure>(service.answer(request).await) },
        ))
        .await
    })
}

fn serve_event_boxed(endpoint: Endpoint, worker: Worker) -> Result<(), Failure> {
    run(async move {
        let environment: &'static Environment =
            Box::leak(Box::new(Environment::from_env(endpoint)?));
        let worker: &'static Worker = Box::leak(Box::new(worker));
        lambda_runtime::run(lambda_runtime::service_fn(
            move |event: LambdaEvent<Box<RawValue>>| async move {
                let request_id = event.context.request_id.clone();
                let started = Instant::now();
                let job = Job {
                    environment,
                    request_id: request_id.clone(),
                    payload: Arc::from(event.payload),
                };
                let result = match tokio::time::timeout(
                    time_left(event.context.deadline),
                    worker(job),
                )
                .await
                {
                    Ok(result) => result,
                    Err(_) => Err(Error::Unavailable("out of time")),
                };
                let outcome = result
                    .as_ref()
                    .map_or_else(|error| error.kind().1, |()| "ok");
                tracing::info!(
                    request_id,
                    function = endpoint.name,
                    outcome,
                    duration_ms = started.elapsed().as_secs_f64() * 1000.0,
                    "event handled"
                );
                // The kind alone: what Lambda logs and what reaches the dead-letter queue is no place
                // for more.
                result.map_err(|error| Failure::from(error.kind().1))
            },
        ))
        .await
    })
}

/// One thread: an environment answers one request at a time, and what one poll sends leaves in
/// one write.
fn run(main: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_max_level(tracing::Level::INFO)
        .init();
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(main)
}

struct Service {
    environment: Environment,
    gate: Gate,
    handler: Handler,
}

impl Service {
    async fn answer(&'static self, request: Request) -> Response<Body> {
        let started = Instant::now();
        let request_id = request_id(&request);
        let (mut response, facts) = self.decide(request, &request_id).await;
        stamp(&mut response, &request_id);
        tracing::info!(
            request_id,
            function = self.environment.endpoint.name,
            actor_id = facts.actor.map(tracing::field::display),
            status = response.status().as_u16(),
            round_trips = facts.round_trips,
            duration_ms = started.elapsed().as_secs_f64() * 1000.0,
            "request answered"
        );
        response
    }

    async fn decide(&'static self, request: Request, request_id: &str) -> (Response<Body>, Facts) {
        let authorization = request.headers().get(header::AUTHORIZATION);
        // More than one header, or bytes that are not text, is no token.
        let authorization = match authorization.map(HeaderValue::to_str) {
            Some(Ok(text))
                if request
                    .headers()
                    .get_all(header::AUTHORIZATION)
                    .iter()
                    .count()
                    == 1 =>
            {
                Some(text)
            }
            _ => None,
        };
        let claims = match self.gate.verifier.verify(authorization).await {
            Ok(claims) => claims,
            Err(refusal) => {
                tracing::warn!(
                    target: "security",
                    request_id,
                    function = self.environment.endpoint.name,
                    reason = %refusal,
                    "caller not authenticated"
                );
                let error = match refusal {
                    identity::Refusal::Unauthenticated(_) => Error::NotAuthenticated,
                    identity::Refusal::KeysUnavailable => {
                        Error::Unavailable("the identity provider can't be reached")
                    }
                };
                return (problem(&error, request_id), Facts::default());
            }
        };

        let caller = UserId::from(claims.sub);
        let assured = !self.gate.require_aal2 || claims.assurance >= identity::Assurance::Aal2;
        let deadline = request.lambda_context().deadline;
        let source_ip = match request.request_context_ref() {
            Some(RequestContext::ApiGatewayV2(context)) => context
                .http
                .source_ip
                .as_deref()
                .and_then(|ip| ip.parse().ok()),
            _ => None,
        };
        let user_agent = request
            .headers()
            .get(header::USER_AGENT)
            .and_then(|value| value.to_str().ok())
            .map(|text| text.chars().take(MAX_USER_AGENT).collect());
        let claim = match *request.method() {
            Method::POST => Claim::parse(
                request.headers(),
                &[
                    request.uri().path().as_bytes(),
                    request.uri().query().unwrap_or_default().as_bytes(),
                    request.body().as_ref(),
                ],
            ),
            _ => Ok(None),
        };
        let (claim, unclaimable) = match claim {
            Ok(claim) => (claim, None),
            Err(error) => (None, Some(error)),
        };
        let trail = Trail::new(
            &self.environment,
            Caller::Person {
                user: caller,
                assured,
            },
            request_id.to_owned(),
            source_ip,
            user_agent,
            claim,
        );
        if let Some(error) = unclaimable {
            return (self.refuse(&trail, error).await, Facts::of(caller, &trail));
        }
        let call = Call {
            trail: trail.clone(),
            request: Arc::new(incoming(request)),
            caller,
            cursor_key: self.gate.cursor_key.clone(),
        };

        let outcome = match tokio::time::timeout(time_left(deadline), self.handle(call)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Error::Unavailable("out of time")),
        };
        let response = match outcome {
            Ok(response) => response,
            Err(error) => self.refuse(&trail, error).await,
        };
        let facts = Facts::of(caller, &trail);
        (response, facts)
    }

    /// Runs the handler, or gives the answer that is kept under the request's key.
    async fn handle(&self, call: Call) -> Outcome {
        match self.run(&call).await.map_err(Error::translated) {
            Err(Error::Replay) => {
                drop(call.trail.take_open());
                idempotency::replay(&call).await.map(Audited::release)
            }
            outcome => outcome,
        }
    }

    /// Runs the handler, again where its transaction failed for a passing reason. A COMMIT that
    /// was sent is never sent twice: its error is not transient.
    async fn run(&self, call: &Call) -> Outcome {
        let mut tries = 1;
        loop {
            match (self.handler)(call.clone()).await {
                Err(error) if error.is_transient() && tries < TRIES => {
                    drop(call.trail.take_open());
                    tokio::time::sleep(Duration::from_millis(10 << tries)).await;
                    tries += 1;
                }
                outcome => return outcome,
            }
        }
    }

    async fn refuse(&self, trail: &Trail, error: Error) -> Response<Body> {
        let error = error.translated();
        if let Error::Database(_) | Error::Internal(_) = &error {
            tracing::error!(request_id = trail.request_id, error = %defect(&error), "internal error");
        }
        match trail.record_failure(&error).await {
            Ok(()) => problem(&error, &trail.request_id),
            Err(unrecorded) => {
                tracing::error!(
                    request_id = trail.request_id,
                    error = %defect(&unrecorded),
                    "a failure could not be recorded"
                );
                problem(
                    &Error::Unavailable("the audit log can't be written"),
                    &trail.request_id,
                )
            }
        }
    }
}

#[derive(Default)]
struct Facts {
    actor: Option<UserId>,
    round_trips: u32,
}

impl Facts {
    fn of(caller: UserId, trail: &Trail) -> Self {
        Self {
            actor: Some(caller),
            round_trips: trail.round_trips.load(Ordering::Relaxed),
        }
    }
}

/// What a log may say of a defect: the database's code and constraint, never its message or
/// detail, which quote values.
fn defect(error: &Error) -> String {
    match error {
        Error::Database(cause) => match cause.as_db_error() {
            Some(refusal) => format!(
                "SQLSTATE {}, constraint {}",
                refusal.code().code(),
                refusal.constraint().unwrap_or("none")
            ),
            None => cause.to_string(),
        },
        Error::Internal(what) => (*what).to_owned(),
        other => other.kind().1.to_owned(),
    }
}

fn incoming(request: Request) -> Incoming {
    let path_parameters = request
        .path_parameters_ref()
        .map(|parameters| {
            parameters
                .iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect()
        })
        .unwrap_or_default();
    let (parts, body) = request.into_parts();
    let body = match body {
        Body::Text(text) => Bytes::from(text),
        Body::Binary(bytes) => Bytes::from(bytes),
        _ => Bytes::new(),
    };
    Incoming {
        headers: parts.headers,
        path_parameters,
        query: parts.uri.query().unwrap_or_default().to_owned(),
        body,
    }
}

/// API Gateway's own id of the request, so that its access log and ours agree.
fn request_id(request: &Request) -> String {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.request_id.clone(),
        _ => None,
    }
    .unwrap_or_else(|| request.lambda_context().request_id)
}

fn stamp(response: &mut Response<Body>, request_id: &str) {
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert("x-request-id", value);
    }
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
}

/// Until the function must answer. `deadline` is in milliseconds since the epoch.
fn time_left(deadline: u64) -> Duration {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Duration::from_millis(deadline)
        .saturating_sub(now)
        .saturating_sub(RESERVE)
}

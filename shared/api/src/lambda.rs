//! The entry points of the functions. Only a thin layer is generic, so each binary compiles little more
//! than its handler.

use std::sync::{Arc, PoisonError};
use std::time::Instant;

use database::Database;
use errors::Error;
use http::{HeaderName, HeaderValue, Response, header};
use lambda_http::{Body, Request, RequestExt as _};
use lambda_runtime::LambdaEvent;
use secrets::Secrets;
use serde::Serialize;
use serde_json::value::RawValue;
use settings::Misconfigured;
use tokio::time::timeout_at;

use crate::call::Call;
use crate::endpoint::{Endpoint, PublicEndpoint};
use crate::environment::{Environment, Gate, database};
use crate::handler::{Handler, Running};
use crate::job::{Job, TOO_LONG};
use crate::replay::replay;
use crate::reply::{Audited, Described as _, Repeatable, problem};
use crate::service::{Repeat, Service, request_id, trace_id, with_common_headers};
use crate::takes::Takes;
use crate::time_limits::TimeLimits;

type Worker = Box<dyn Fn(Job) -> Running<()> + Send + Sync>;

/// Makes a handler with the settings that its arguments need.
type Configure<Handler> = Box<dyn FnOnce(&Secrets) -> Result<Handler, Misconfigured>>;

/// The error of `main`, which Lambda logs.
pub type Failure = lambda_runtime::Error;

/// Serves an endpoint: authenticates the caller, runs the handler and records failures.
/// [`serve!`](crate::serve) calls it. Errors: a setting is missing or invalid, or the secrets can't be fetched.
pub fn serve<I, H: Handler<Call, I, Done = Response<Body>>>(
    endpoint: Endpoint,
    handler: &'static H,
) -> Result<(), Failure> {
    serve_boxed(endpoint, H::TAKES, configured(handler), None)
}

/// Serves an endpoint that does its work once for each `Idempotency-Key`.
/// [`serve_idempotent!`](crate::serve_idempotent) calls it. Errors: as for [`serve`].
pub fn serve_idempotent<I, H>(endpoint: Endpoint, handler: &'static H) -> Result<(), Failure>
where
    H: Handler<Call, I, Done = Response<Body>>,
    H::Answer: Repeatable,
{
    let repeat = Repeat {
        status: H::Answer::STATUS,
        answer: Box::new(|call| {
            Box::pin(async move { replay::<H::Answer>(&call).await.map(Audited::release) })
        }),
    };
    serve_boxed(endpoint, H::TAKES, configured(handler), Some(repeat))
}

fn configured<I, H: Handler<Call, I, Done = Response<Body>>>(
    handler: &'static H,
) -> Configure<crate::service::Handler> {
    Box::new(move |secrets| {
        let settings: &'static H::Settings = Box::leak(Box::new(H::configure(secrets)?));
        Ok(Box::new(move |call| handler.run(call, settings)))
    })
}

/// Serves an event or a schedule. [`serve_event!`](crate::serve_event) calls it. Errors: a setting is
/// missing or invalid.
pub fn serve_event<I, H: Handler<Job, I, Done = ()>>(
    endpoint: Endpoint,
    handler: &'static H,
) -> Result<(), Failure> {
    let configure: Configure<Worker> = Box::new(move |secrets| {
        let settings: &'static H::Settings = Box::leak(Box::new(H::configure(secrets)?));
        Ok(Box::new(move |job| handler.run(job, settings)))
    });
    serve_event_boxed(endpoint, configure)
}

/// Serves the health check. It has no caller and no patient data, so it writes no audit row. Errors: a
/// setting is missing or invalid.
pub fn serve_health(endpoint: PublicEndpoint) -> Result<(), Failure> {
    run(async move {
        let secrets = Secrets::read().await?;
        let database: &'static Database =
            Box::leak(Box::new(database(&secrets, endpoint.name, false)?));
        lambda_http::run(lambda_http::service_fn(
            move |request: Request| async move {
                let request_id = request_id(&request);
                let limits = TimeLimits::until(request.lambda_context().deadline);
                let answered = timeout_at(limits.answer_by, database.ping()).await;
                let response = match answered.unwrap_or(Err(Error::LinkLost)) {
                    Ok(()) => Response::builder()
                        .header(header::CONTENT_TYPE, "application/json")
                        .body(Body::from(r#"{"status":"ok"}"#))?,
                    Err(error) => problem(&error.translated(""), &request_id),
                };
                Ok::<_, Failure>(with_common_headers(response, &request_id))
            },
        ))
        .await
    })
}

/// A request to an endpoint without caller.
#[derive(Debug)]
pub struct PublicRequest(Request);

impl PublicRequest {
    /// The path, as the caller sent it.
    pub fn path(&self) -> &str {
        self.0.raw_http_path()
    }

    /// The value of a path parameter. It is empty if the route has no such parameter.
    pub fn path_parameter(&self, name: &str) -> &str {
        let parameters = self.0.path_parameters_ref();
        parameters
            .and_then(|parameters| parameters.first(name))
            .unwrap_or_default()
    }
}

/// Serves an endpoint that has no caller and no patient data, so it writes no audit row.
pub fn serve_public(
    endpoint: PublicEndpoint,
    answer: impl Fn(&PublicRequest) -> Result<Response<Body>, Error> + Send + Sync + 'static,
) -> Result<(), Failure> {
    serve_public_boxed(endpoint, Box::leak(Box::new(answer)))
}

/// Serves a document that is the same for everyone. `headers` are the headers of the answer, including
/// `Content-Type`.
pub fn serve_document(
    endpoint: PublicEndpoint,
    headers: Vec<(HeaderName, String)>,
    document: String,
) -> Result<(), Failure> {
    let document: &'static str = document.leak();
    serve_public(endpoint, move |_| {
        let mut response = Response::new(Body::from(document));
        for (header, value) in &headers {
            let value = HeaderValue::from_str(value);
            let value = value.map_err(|_| Error::Internal("an answer is not HTTP"))?;
            response.headers_mut().insert(header, value);
        }
        Ok(response)
    })
}

/// Serves a JSON document that is the same for everyone. Caches may keep it for five minutes.
pub fn serve_json_document(
    endpoint: PublicEndpoint,
    document: &'static str,
) -> Result<(), Failure> {
    serve_public(endpoint, move |_| cacheable_text(document))
}

/// A JSON answer that is the same for everyone. Caches may keep it for five minutes. Errors:
/// [`Error::Internal`] if it can't be converted.
pub fn cacheable(body: &impl Serialize) -> Result<Response<Body>, Error> {
    let body = serde_json::to_string(body).map_err(|_| Error::Internal("an answer is not JSON"))?;
    cacheable_text(body)
}

fn cacheable_text(body: impl Into<Body>) -> Result<Response<Body>, Error> {
    Response::builder()
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CACHE_CONTROL, "public, max-age=300")
        .body(body.into())
        .map_err(|_| Error::Internal("an answer is not HTTP"))
}

type PublicAnswer = dyn Fn(&PublicRequest) -> Result<Response<Body>, Error> + Send + Sync;

fn serve_public_boxed(
    endpoint: PublicEndpoint,
    answer: &'static PublicAnswer,
) -> Result<(), Failure> {
    run(async move {
        lambda_http::run(lambda_http::service_fn(
            move |request: Request| async move {
                let request_id = request_id(&request);
                let response = answer(&PublicRequest(request))
                    .unwrap_or_else(|error| problem(&error, &request_id));
                let status = response.status().as_u16();
                tracing::info!(
                    request_id,
                    function = endpoint.name,
                    status,
                    "public request answered"
                );
                Ok::<_, Failure>(with_common_headers(response, &request_id))
            },
        ))
        .await
    })
}

fn serve_boxed(
    endpoint: Endpoint,
    takes: Takes,
    configure: Configure<crate::service::Handler>,
    repeat: Option<Repeat>,
) -> Result<(), Failure> {
    run(async move {
        let secrets = Secrets::read().await?;
        let handler = configure(&secrets)?;
        let service: &'static Service = Box::leak(Box::new(Service {
            environment: Environment::new(endpoint, &secrets)?,
            gate: Gate::new(&secrets)?,
            takes,
            handler,
            repeat,
        }));
        lambda_http::run(lambda_http::service_fn(
            move |request: Request| async move { Ok::<_, Failure>(service.answer(request).await) },
        ))
        .await
    })
}

fn serve_event_boxed(endpoint: Endpoint, configure: Configure<Worker>) -> Result<(), Failure> {
    run(async move {
        let secrets = Secrets::read().await?;
        let environment: &'static Environment =
            Box::leak(Box::new(Environment::new(endpoint, &secrets)?));
        let worker: &'static Worker = Box::leak(Box::new(configure(&secrets)?));
        lambda_runtime::run(lambda_runtime::service_fn(
            move |event: LambdaEvent<Box<RawValue>>| async move {
                let request_id = event.context.request_id.clone();
                let started = Instant::now();
                let limits = TimeLimits::until(event.context.deadline);
                let job = Job {
                    environment,
                    limits,
                    request_id: request_id.clone(),
                    trace_id: trace_id(&event.context),
                    payload: Arc::from(event.payload),
                    report: Arc::default(),
                };
                let report = job.report.clone();
                let rows = || {
                    let report = report.lock().unwrap_or_else(PoisonError::into_inner);
                    report.rows
                };
                let result = timeout_at(limits.stops_at, worker(job))
                    .await
                    .unwrap_or(Err(Error::Unavailable(TOO_LONG)));
                let outcome = result
                    .as_ref()
                    .map_or_else(|error| error.kind().slug, |()| "ok");
                tracing::info!(
                    request_id,
                    function = endpoint.name,
                    outcome,
                    rows = rows(),
                    duration_ms = started.elapsed().as_secs_f64() * 1000.0,
                    "event handled"
                );
                // Lambda logs the error and sends it to the dead-letter queue, so it contains only the kind.
                result.map_err(|error| Failure::from(error.kind().slug))?;
                let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
                Ok::<_, Failure>(std::mem::take(&mut *report))
            },
        ))
        .await
    })
}

/// Sets up the log and runs `main` on one thread. An environment answers one request at a time, and all
/// statements that one poll sends leave in one write.
pub(crate) fn run(main: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
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

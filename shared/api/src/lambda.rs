//! The entry points of the functions. Not generic beyond a thin shell, so that each binary
//! compiles its handler and nothing else anew.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use http::{HeaderName, HeaderValue, Response, header};
use lambda_http::{Body, Request};
use lambda_runtime::LambdaEvent;
use serde_json::value::RawValue;

use crate::call::Call;
use crate::database::Database;
use crate::endpoint::Endpoint;
use crate::environment::{Environment, Gate};
use crate::errors::Error;
use crate::job::Job;
use crate::reply::{Audited, Reply, problem};
use crate::service::{Handler, Service, request_id, stamped, time_left};

type Worker =
    Box<dyn Fn(Job) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send>> + Send + Sync>;

/// Why a function ended; `main` returns it, so that Lambda logs it.
pub type Failure = lambda_runtime::Error;

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
                let response = match database.ping().await {
                    Ok(()) => Response::builder()
                        .header(header::CONTENT_TYPE, "application/json")
                        .body(Body::from(r#"{"status":"ok"}"#))?,
                    Err(error) => problem(&error.translated(), &request_id),
                };
                Ok::<_, Failure>(stamped(response, &request_id))
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
                tracing::info!(request_id, function = name, "document answered");
                Ok::<_, Failure>(stamped(response, &request_id))
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
                let result = tokio::time::timeout(time_left(event.context.deadline), worker(job))
                    .await
                    .unwrap_or(Err(Error::Unavailable("out of time")));
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

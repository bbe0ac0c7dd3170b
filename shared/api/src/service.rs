//! What happens around every handler with a caller: who calls is verified, the handler is run in
//! its time and its transaction again where that may help, and what failed is recorded.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http::{HeaderValue, Response, header};
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt as _};

use crate::call::{Call, Incoming};
use crate::caller::Caller;
use crate::environment::{Environment, Gate, RESERVE};
use crate::errors::Error;
use crate::idempotency;
use crate::ids::UserId;
use crate::reply::{Audited, problem};
use crate::trail::Trail;

/// What a handler's future resolves to once its types are erased.
pub(crate) type Outcome = Result<Response<Body>, Error>;
pub(crate) type Handler =
    Box<dyn Fn(Call) -> Pin<Box<dyn Future<Output = Outcome> + Send>> + Send + Sync>;

/// How often a transaction is run again that failed for a passing reason before its COMMIT.
const TRIES: u32 = 3;

const MAX_USER_AGENT: usize = 512;

pub(crate) struct Service {
    pub(crate) environment: Environment,
    pub(crate) gate: Gate,
    pub(crate) handler: Handler,
}

impl Service {
    pub(crate) async fn answer(&'static self, request: Request) -> Response<Body> {
        let started = Instant::now();
        let request_id = request_id(&request);
        let (response, trail) = match self.verify(&request, &request_id).await {
            Ok(claims) => {
                let user = claims.sub.into();
                let assured =
                    !self.gate.require_aal2 || claims.assurance >= identity::Assurance::Aal2;
                let trail = Trail::new(
                    &self.environment,
                    Caller::Person { user, assured },
                    request_id.clone(),
                    source_ip(&request),
                    user_agent(&request),
                );
                let response = match self.handle(request, user, &trail).await {
                    Ok(response) => response,
                    Err(error) => refuse(&trail, error).await,
                };
                (response, Some(trail))
            }
            Err(error) => (problem(&error, &request_id), None),
        };
        let response = stamped(response, &request_id);
        let actor = trail.as_ref().and_then(|trail| trail.caller.user());
        tracing::info!(
            request_id,
            function = self.environment.endpoint.name,
            actor_id = actor.map(tracing::field::display),
            status = response.status().as_u16(),
            round_trips = trail.map_or(0, |trail| trail.round_trips.load(Ordering::Relaxed)),
            duration_ms = started.elapsed().as_secs_f64() * 1000.0,
            "request answered"
        );
        response
    }

    /// Who calls. Errors: nobody that is known, which is a security event.
    async fn verify(&self, request: &Request, request_id: &str) -> Result<identity::Claims, Error> {
        let mut headers = request.headers().get_all(header::AUTHORIZATION).iter();
        // More than one header, or bytes that are not text, is no token.
        let authorization = match (headers.next(), headers.next()) {
            (Some(header), None) => header.to_str().ok(),
            _ => None,
        };
        self.gate
            .verifier
            .verify(authorization)
            .await
            .map_err(|refusal| {
                tracing::warn!(
                    target: "security",
                    request_id,
                    function = self.environment.endpoint.name,
                    reason = %refusal,
                    "caller not authenticated"
                );
                match refusal {
                    identity::Refusal::Unauthenticated(_) => Error::NotAuthenticated,
                    identity::Refusal::KeysUnavailable => {
                        Error::Unavailable("the identity provider can't be reached")
                    }
                }
            })
    }

    /// Runs the handler in the time there is, or gives the answer that is kept under the request's
    /// key.
    async fn handle(&self, request: Request, caller: UserId, trail: &Arc<Trail>) -> Outcome {
        let time_left = time_left(request.lambda_context().deadline);
        let call = Call {
            trail: trail.clone(),
            request: Arc::new(Incoming::read(request)?),
            caller,
            cursor_key: self.gate.cursor_key.clone(),
        };
        let answered = async {
            match self.run(&call).await.map_err(Error::translated) {
                Err(Error::Replay) => {
                    drop(trail.take_open());
                    idempotency::replay(&call).await.map(Audited::release)
                }
                outcome => outcome,
            }
        };
        tokio::time::timeout(time_left, answered)
            .await
            .unwrap_or(Err(Error::Unavailable("out of time")))
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
}

/// Records the failure, and answers it once it is recorded.
async fn refuse(trail: &Trail, error: Error) -> Response<Body> {
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

/// What API Gateway saw; what the client says of itself in `X-Forwarded-For` counts for nothing.
fn source_ip(request: &Request) -> Option<IpAddr> {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => {
            context.http.source_ip.as_deref()?.parse().ok()
        }
        _ => None,
    }
}

fn user_agent(request: &Request) -> Option<String> {
    let text = request.headers().get(header::USER_AGENT)?.to_str().ok()?;
    Some(text.chars().take(MAX_USER_AGENT).collect())
}

/// API Gateway's own id of the request, so that its access log and ours agree.
pub(crate) fn request_id(request: &Request) -> String {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.request_id.clone(),
        _ => None,
    }
    .unwrap_or_else(|| request.lambda_context().request_id)
}

/// The response with what every one has.
pub(crate) fn stamped(mut response: Response<Body>, request_id: &str) -> Response<Body> {
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert("x-request-id", value);
    }
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

/// Until the function must answer. `deadline` is in milliseconds since the epoch.
pub(crate) fn time_left(deadline: u64) -> Duration {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Duration::from_millis(deadline)
        .saturating_sub(now)
        .saturating_sub(RESERVE)
}

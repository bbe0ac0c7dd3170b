//! The code around every handler with a caller. It authenticates the caller, runs the handler within its
//! time limit, repeats a transaction after a transient error, and records failures.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use domain::ids::SubjectId;
use errors::Error;
use http::{HeaderValue, Method, Response, header};
use lambda_http::request::RequestContext as GatewayContext;
use lambda_http::{Body, Request, RequestExt as _};

use crate::attempt::Attempt;
use crate::audit_writer::AuditWriter;
use crate::call::{Call, Incoming};
use crate::caller::Caller;
use crate::environment::{Environment, Gate};
use crate::handler::Running;
use crate::reply::problem;
use crate::request_context::{RequestContext, may_run_again};
use crate::takes::Takes;
use crate::time_limits::TimeLimits;

/// The result of any handler.
type Outcome = Result<Response<Body>, Error>;
pub(crate) type Handler = Box<dyn Fn(Call) -> Running<Response<Body>> + Send + Sync>;

/// The number of times that a transaction is run if it fails with transient errors.
const TRIES: u32 = 3;

/// A larger body, in bytes, is read only for a caller whom the database lets act.
const LARGE_BODY: usize = 32 * 1024;

const MAX_USER_AGENT: usize = 512;
const MAX_TRACE_ID: usize = 64;

pub(crate) struct Service {
    pub(crate) environment: Environment,
    pub(crate) gate: Gate,
    pub(crate) takes: Takes,
    pub(crate) handler: Handler,
    pub(crate) repeat: Option<Repeat>,
}

/// How a request is answered whose work was done for an earlier one with the same `Idempotency-Key`.
pub(crate) struct Repeat {
    /// The status of a success.
    pub(crate) status: u16,
    /// Reads the answer again.
    pub(crate) answer: Handler,
}

impl Service {
    pub(crate) async fn answer(&'static self, request: Request) -> Response<Body> {
        let started = Instant::now();
        let limits = TimeLimits::until(request.lambda_context().deadline);
        let request_id = request_id(&request);
        let (response, context) = match self.verify(&request, &request_id).await {
            Ok(claims) => {
                let subject = claims.sub.into();
                let is_required =
                    self.gate.require_aal2 || self.environment.endpoint.needs_second_factor;
                let assured = !is_required || claims.assurance >= identity::Assurance::Aal2;
                let context = Arc::new(RequestContext {
                    environment: &self.environment,
                    caller: Caller::Person { subject, assured },
                    request_id: request_id.clone(),
                    source_ip: source_ip(&request),
                    user_agent: user_agent(&request),
                    trace_id: trace_id(&request.lambda_context()),
                    limits,
                    round_trips: Arc::default(),
                    attempt: Attempt::default(),
                });
                let response = match self.handle(request, subject, &context).await {
                    Ok(response) => response,
                    Err(error) => refuse(&context, error).await,
                };
                (response, Some(context))
            }
            Err(error) => (problem(&error, &request_id), None),
        };
        let response = with_common_headers(response, &request_id);
        let subject = context
            .as_ref()
            .and_then(|context| context.caller.subject());
        tracing::info!(
            request_id,
            function = self.environment.endpoint.name,
            subject = subject.map(tracing::field::display),
            status = response.status().as_u16(),
            round_trips = context.map_or(0, |context| context.round_trips.load(Ordering::Relaxed)),
            duration_ms = started.elapsed().as_secs_f64() * 1000.0,
            "request answered"
        );
        response
    }

    /// Authenticates the caller. Errors: the token is missing or invalid, which is logged as a security
    /// event, or the signing keys can't be fetched.
    async fn verify(&self, request: &Request, request_id: &str) -> Result<identity::Claims, Error> {
        let mut headers = request.headers().get_all(header::AUTHORIZATION).iter();
        // Several headers, or bytes that are not text, count as a missing token.
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
                    kind = refusal.kind(),
                    reason = %refusal,
                    source_ip = source_ip(request).map(tracing::field::display),
                    "caller not authenticated"
                );
                match refusal {
                    identity::Refusal::Unauthenticated(reason) => {
                        Error::NotAuthenticated(reason.description())
                    }
                    identity::Refusal::KeysUnavailable => Error::Unavailable(
                        "The identity provider can't be reached. Try again later.",
                    ),
                }
            })
    }

    /// Runs the handler within the time limit. If the work was done for an earlier request with the same
    /// `Idempotency-Key`, reads the answer again. Errors: the handler fails or the time is over.
    async fn handle(
        &self,
        request: Request,
        subject: SubjectId,
        context: &Arc<RequestContext>,
    ) -> Outcome {
        AuditWriter(context).settle_former().await?;
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        let incoming = Incoming::read(request, self)?;
        if is_read || incoming.claim.is_some() {
            context.attempt.set_repeatable();
        }
        let is_known = self.environment.known_callers.get(subject).is_some();
        if incoming.body_size() > LARGE_BODY && !is_known {
            context.introduce().await?;
        }
        let call = Call {
            context: context.clone(),
            incoming: Arc::new(incoming),
            subject,
            cursor_key: self.gate.cursor_key.clone(),
        };
        let answered = async {
            match (self.run(&call).await, &self.repeat) {
                (Err(error), Some(repeat)) if error.is_answered_before() => {
                    drop(context.attempt.take_open());
                    (repeat.answer)(call.clone()).await
                }
                (outcome, _) => outcome,
            }
        };
        let ends = context.limits.work_ends;
        let answered = context.attempt.run_until(ends, answered).await;
        answered.unwrap_or(Err(Error::Unavailable(
            "The request took too long, so nothing was changed. Try again later.",
        )))
    }

    /// Runs the handler, and again after a transient error. An unconfirmed COMMIT is never repeated,
    /// because its error isn't transient.
    async fn run(&self, call: &Call) -> Outcome {
        let mut tries = 1;
        loop {
            match (self.handler)(call.clone()).await {
                Err(error) if may_run_again(&error) && tries < TRIES => {
                    drop(call.context.attempt.take_open());
                    tokio::time::sleep(Duration::from_millis(10 << tries)).await;
                    tries += 1;
                }
                outcome => return outcome,
            }
        }
    }
}

/// Records the failure, then returns the problem response.
async fn refuse(context: &RequestContext, error: Error) -> Response<Body> {
    context.give_up_spoiled(&error);
    let error = context.attempt.verdict(error);
    let permission = context.environment.endpoint.permission;
    let error = declared(context, error.translated(permission));
    if let Error::Database(_) | Error::Internal(_) = &error {
        tracing::error!(request_id = context.request_id, error = %error, "internal error");
    }
    let mut recorded = AuditWriter(context).record_failure(&error).await;
    if recorded.as_ref().is_err_and(may_run_again) {
        recorded = AuditWriter(context).record_failure(&error).await;
    }
    let error = match recorded {
        Ok(instead) => instead.unwrap_or(error),
        Err(unrecorded) => {
            tracing::error!(
                request_id = context.request_id,
                error = %unrecorded,
                "a failure could not be recorded"
            );
            Error::Unavailable(
                "The audit log can't be written, so nothing was changed. Try again later.",
            )
        }
    };
    let mut response = problem(&error, &context.request_id);
    if !context.attempt.can_be_repeated(&error) {
        response.headers_mut().remove(header::RETRY_AFTER);
    }
    response
}

/// Turns a 409 that `ENDPOINT` doesn't name into an internal error in debug builds, so tests find it.
fn declared(context: &RequestContext, error: Error) -> Error {
    match &error {
        Error::Conflict(detail) | Error::AlreadyExists(detail)
            if cfg!(debug_assertions)
                && !context.environment.endpoint.can_answer_conflict(detail) =>
        {
            Error::Internal("ENDPOINT doesn't name this conflict")
        }
        _ => error,
    }
}

/// The address that API Gateway saw. `X-Forwarded-For` is ignored, because the client can forge it.
fn source_ip(request: &Request) -> Option<IpAddr> {
    match request.request_context_ref() {
        Some(GatewayContext::ApiGatewayV2(context)) => {
            context.http.source_ip.as_deref()?.parse().ok()
        }
        _ => None,
    }
}

/// The id of the trace in AWS X-Ray: the root in a header such as
/// `Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1`.
pub(crate) fn trace_id(context: &lambda_runtime::Context) -> Option<String> {
    let header = context.xray_trace_id.as_deref()?;
    let root = header
        .split(';')
        .find_map(|part| part.strip_prefix("Root="))?;
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (root.len() <= MAX_TRACE_ID && root.bytes().all(is_fit)).then(|| root.to_owned())
}

fn user_agent(request: &Request) -> Option<String> {
    let text = request.headers().get(header::USER_AGENT)?.to_str().ok()?;
    Some(text.chars().take(MAX_USER_AGENT).collect())
}

/// API Gateway's id of the request, which its access log contains, too.
pub(crate) fn request_id(request: &Request) -> String {
    match request.request_context_ref() {
        Some(GatewayContext::ApiGatewayV2(context)) => context.request_id.clone(),
        _ => None,
    }
    .unwrap_or_else(|| request.lambda_context().request_id)
}

/// Adds the headers that every response has.
pub(crate) fn with_common_headers(
    mut response: Response<Body>,
    request_id: &str,
) -> Response<Body> {
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

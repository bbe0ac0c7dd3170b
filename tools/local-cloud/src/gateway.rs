//! API Gateway's HTTP API: serves every route of the template on one port.

mod access_log;
mod answer;
mod event;
mod router;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::cors::Cors;
use crate::issuer::{Issuer, JWKS_PATH};
use crate::lambda::{Failure, Function, Functions};
use crate::listener::Listener;
use crate::log_group::LogGroup;
use crate::template::Template;
use access_log::{AccessLog, Entry, Integration};
use router::{Found, Router};

/// API Gateway's limit on a request's body.
const LARGEST_BODY: usize = 10 * 1024 * 1024;

type Answer = Response<Full<Bytes>>;

/// A running gateway. Dropping it closes its port.
#[derive(Debug)]
pub struct Gateway {
    listener: Listener,
}

#[derive(Debug)]
struct Behind {
    router: Router<Arc<Function>>,
    cors: Cors,
    issuer: Option<Arc<Issuer>>,
    access_log: Option<AccessLog>,
}

impl Gateway {
    /// Serves the routes of `template` on `socket`. Pages of `origin` may call them. Also serves the
    /// keys of `issuer` on Supabase's path. Each request but those for keys gets a line in `access_log`.
    ///
    /// # Errors
    /// Two routes are the same, or the template's form of a line in the access log isn't valid.
    pub fn start(
        socket: TcpListener,
        template: &Template,
        functions: &Functions,
        origin: &str,
        issuer: Option<Arc<Issuer>>,
        access_log: Option<Arc<LogGroup>>,
    ) -> Result<Self> {
        let mut router = Router::default();
        for definition in &template.functions {
            let function = functions
                .get(&definition.package)
                .context("every function of the template runs")?;
            for route in &definition.routes {
                router.add(&route.method, &route.path, function.clone())?;
            }
        }
        let behind = Arc::new(Behind {
            router,
            cors: Cors::new(origin, &template.api_cors),
            issuer,
            access_log: match (&template.access_log, access_log) {
                (Some(log), Some(group)) => Some(AccessLog::new(&log.format, group)?),
                _ => None,
            },
        });
        let listener = Listener::serve(socket, move |request: Request<Incoming>, peer| {
            let behind = behind.clone();
            // In its own task, because a request whose caller hangs up is logged, too.
            let answer = tokio::spawn(async move {
                let asked = request.headers().clone();
                let mut answer = behind.logged(request, peer).await;
                behind.cors.tell(&asked, answer.headers_mut());
                answer
            });
            async move {
                answer.await.unwrap_or_else(|_| {
                    message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
                })
            }
        })?;
        Ok(Self { listener })
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.listener.port()
    }
}

impl Behind {
    /// Answers a request and writes its line.
    async fn logged(&self, request: Request<Incoming>, peer: SocketAddr) -> Answer {
        if let Some(issuer) = &self.issuer
            && request.uri().path() == JWKS_PATH
        {
            return issuer.answer();
        }
        let mut entry = Entry::new(peer.ip().to_string(), request.method().to_string());
        let answer = self.answer(request, peer, &mut entry).await;
        entry.status = answer.status().as_u16();
        entry.length = answer.body().size_hint().lower();
        if let Some(log) = &self.access_log {
            log.write(&entry);
        }
        answer
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
        entry: &mut Entry,
    ) -> Answer {
        let (head, body) = request.into_parts();
        if Cors::is_preflight(&head.method, &head.headers) {
            let mut answer = Response::new(Full::default());
            *answer.status_mut() = StatusCode::NO_CONTENT;
            answer
                .headers_mut()
                .extend(self.cors.preflight(&head.headers).unwrap_or_default());
            return answer;
        }
        let Some(Found {
            target: function,
            route_key,
            parameters,
        }) = self.router.find(head.method.as_str(), head.uri.path())
        else {
            return refuse(entry, StatusCode::NOT_FOUND, "Not Found");
        };
        entry.route_key = Some(route_key.to_owned());
        let too_large = (StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
        if body.size_hint().lower() > LARGEST_BODY as u64 {
            return refuse(entry, too_large.0, too_large.1);
        }
        let body = match Limited::new(body, LARGEST_BODY).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => {
                return refuse(entry, too_large.0, too_large.1);
            }
            Err(_) => return refuse(entry, StatusCode::BAD_REQUEST, "Bad Request"),
        };
        let trace = event::trace(&head.headers);
        let event = event::shape(&head, &body, peer, route_key, &parameters, entry, &trace);
        let id = Uuid::new_v4().to_string();
        let called = Instant::now();
        let outcome = function.invoke_as(id.clone(), event, trace).await;
        let answer = outcome.as_ref().ok().map(|answer| answer::decode(answer));
        let mut call = Integration {
            request_id: id,
            lambda_status: 200,
            status: None,
            error: None,
            latency: called.elapsed().as_millis(),
        };
        let answer = match (outcome, answer.flatten()) {
            (_, Some(answer)) => {
                call.status = Some(answer.status().as_u16());
                answer
            }
            (Ok(_), None) => {
                call.error = Some(MALFORMED);
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                refuse(entry, status, "Internal Server Error")
            }
            (Err(failure), None) => {
                tracing::warn!(function = %function.definition.package, %failure, "an invocation failed");
                let (status, text) = failed(&failure);
                let refused = refuse(entry, status, text);
                if matches!(failure, Failure::Overloaded) {
                    // As a request that the gateway throttles: it never reaches the function.
                    return refused;
                }
                call.error = Some(FAILED);
                refused
            }
        };
        entry.integration = Some(call);
        answer
    }
}

/// What API Gateway logs of a function that fails.
const FAILED: &str = "The Lambda function returned the following error: Unhandled. Check your Lambda function code \
                      and try again.";

/// What API Gateway logs of an answer that it can't read.
const MALFORMED: &str =
    "The response from the Lambda function doesn't match the format that API Gateway expects.";

fn failed(failure: &Failure) -> (StatusCode, &'static str) {
    match failure {
        Failure::Reported(_) | Failure::TooLarge => {
            (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
        }
        Failure::Crashed(_) => (StatusCode::BAD_GATEWAY, "Bad Gateway"),
        Failure::TimedOut(_) => (StatusCode::GATEWAY_TIMEOUT, "Endpoint request timed out"),
        Failure::Overloaded => (StatusCode::TOO_MANY_REQUESTS, "Too Many Requests"),
    }
}

/// An answer of the gateway itself, which its line names.
fn refuse(entry: &mut Entry, status: StatusCode, text: &'static str) -> Answer {
    entry.error = Some(text);
    message(status, text)
}

/// An answer of the gateway itself.
fn message(status: StatusCode, text: &str) -> Answer {
    let content = serde_json::json!({ "message": text }).to_string();
    let mut response = Response::new(Full::new(content.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(
        "content-type",
        http::HeaderValue::from_static("application/json"),
    );
    response
}

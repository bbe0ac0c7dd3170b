//! API Gateway's HTTP API: serves every route of the template on one port.

mod answer;
mod event;
mod router;

use std::net::SocketAddr;
use std::sync::Arc;

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
use crate::template::Template;
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
}

impl Gateway {
    /// Serves the routes of `template` on `socket`. Pages of `origin` may call them. Also serves the
    /// keys of `issuer` on Supabase's path.
    ///
    /// # Errors
    /// Two routes are the same.
    pub fn start(
        socket: TcpListener,
        template: &Template,
        functions: &Functions,
        origin: &str,
        issuer: Option<Arc<Issuer>>,
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
        });
        let listener = Listener::serve(socket, move |request: Request<Incoming>, peer| {
            let behind = behind.clone();
            async move {
                let asked = request.headers().clone();
                let mut answer = behind.answer(request, peer).await;
                behind.cors.tell(&asked, answer.headers_mut());
                answer
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
    async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Answer {
        if let Some(issuer) = &self.issuer
            && request.uri().path() == JWKS_PATH
        {
            return issuer.answer();
        }
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
            return message(StatusCode::NOT_FOUND, "Not Found");
        };
        if body.size_hint().lower() > LARGEST_BODY as u64 {
            return message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
        }
        let body = match Limited::new(body, LARGEST_BODY).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => {
                return message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
            }
            Err(_) => return message(StatusCode::BAD_REQUEST, "Bad Request"),
        };
        let trace = event::trace(&head.headers);
        let id = Uuid::new_v4().to_string();
        let event = event::shape(&head, &body, peer, route_key, &parameters, &id, &trace);
        match function.invoke(event, trace).await {
            Ok(document) => answer::decode(&document).unwrap_or_else(|| {
                message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
            }),
            Err(failure) => {
                tracing::warn!(function = %function.definition.package, %failure, "an invocation failed");
                failed(&failure)
            }
        }
    }
}

fn failed(failure: &Failure) -> Answer {
    match failure {
        Failure::Reported(_) | Failure::TooLarge => {
            message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
        }
        Failure::Crashed(_) => message(StatusCode::BAD_GATEWAY, "Bad Gateway"),
        Failure::TimedOut(_) => message(StatusCode::GATEWAY_TIMEOUT, "Endpoint request timed out"),
        Failure::Overloaded => message(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests"),
    }
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

//! A small HTTP client for JSON APIs on this machine.

use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// Longer than any function may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Sends requests to one API, over connections that it keeps.
#[derive(Debug, Clone)]
pub struct Client {
    url: String,
    token: Option<String>,
    connections: legacy::Client<HttpConnector, Full<Bytes>>,
}

impl Client {
    /// For the API at `url`, without a slash at its end.
    pub fn new(url: impl Into<String>) -> Self {
        let connections = legacy::Client::builder(TokioExecutor::new()).build_http();
        Self {
            url: url.into(),
            token: None,
            connections,
        }
    }

    /// The same, as the caller whom `token` names.
    #[must_use]
    pub fn with_token(&self, token: impl Into<String>) -> Self {
        Self {
            token: Some(token.into()),
            ..self.clone()
        }
    }

    /// Sends `body` as JSON, or no body.
    ///
    /// # Errors
    /// When no answer comes; a status that tells of a failure is none.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Response<Bytes>> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url));
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = match body {
            Some(body) => request
                .header(CONTENT_TYPE, "application/json")
                .body(Full::new(Bytes::from(body.to_string()))),
            None => request.body(Full::default()),
        };
        self.send_request(request?).await
    }

    /// Sends a request as it is; its URI is a whole URL.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn send_request(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>> {
        let target = request.uri().clone();
        let answer = async {
            let (head, body) = self.connections.request(request).await?.into_parts();
            Ok::<_, anyhow::Error>(Response::from_parts(head, body.collect().await?.to_bytes()))
        };
        tokio::time::timeout(LIMIT, answer)
            .await
            .with_context(|| format!("{target} gave no answer within {LIMIT:?}"))?
            .with_context(|| format!("{target} can't be reached"))
    }
}

//! Sends one request and returns its answer, whatever the status.

use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::request::Builder;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// Longer than any function may take.
const LIMIT: Duration = Duration::from_secs(60);

/// A client of one API. Clones share their connections.
#[derive(Debug, Clone)]
pub struct Client {
    url: String,
    token: Option<String>,
    agent: Option<&'static str>,
    connections: legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Client {
    /// A client of the API at `url`, which has no slash at its end. The certificate of an `https` URL must be signed by
    /// a public root authority.
    ///
    /// # Panics
    /// Never with the TLS library that is compiled in.
    pub fn new(url: impl Into<String>) -> Self {
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::aws_lc_rs::default_provider())
            .unwrap_or_else(|error| unreachable!("the TLS library lacks its protocols: {error}"))
            .https_or_http()
            .enable_http1()
            .build();
        Self {
            url: url.into(),
            token: None,
            agent: None,
            connections: legacy::Client::builder(TokioExecutor::new()).build(connector),
        }
    }

    /// The same client with this access token, or without one.
    #[must_use]
    pub fn with_token(&self, token: impl Into<Option<String>>) -> Self {
        Self {
            token: token.into(),
            ..self.clone()
        }
    }

    /// The same client with this `User-Agent`.
    #[must_use]
    pub fn with_agent(&self, agent: &'static str) -> Self {
        Self {
            agent: Some(agent),
            ..self.clone()
        }
    }

    /// Begins a request to `path` with the client's token and `User-Agent`.
    pub fn request(&self, method: Method, path: &str) -> Builder {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url));
        if let Some(agent) = self.agent {
            request = request.header(USER_AGENT, agent);
        }
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        request
    }

    /// Sends a request to `path` with `body` as JSON, or without a body.
    ///
    /// # Errors
    /// No answer comes within a minute. An answer with any status is a success.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Response<Bytes>> {
        let request = self.request(method, path);
        let request = match body {
            Some(body) => request
                .header(CONTENT_TYPE, "application/json")
                .body(Full::from(body.to_string())),
            None => request.body(Full::default()),
        };
        self.send_request(request?).await
    }

    /// Sends a request as it is. Its URI is a whole URL, not only of this API.
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

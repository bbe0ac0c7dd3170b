//! Requests to URLs that users give.

use std::fmt;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::http::response::Parts;
use hyper::http::uri::Scheme;
use hyper::{Request, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower_service::Service;

use crate::{Bytes, Failure};

/// How long a connection to one address may take. A host may have several.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How much of an answer's body is read, and how long, so that its connection can be used again.
const LONGEST_BODY: usize = 64 * 1024;
const BODY_TIMEOUT: Duration = Duration::from_secs(1);

/// Decides to which addresses a connection may be opened.
pub trait Guard: Clone + Send + Sync + 'static {
    /// Whether a connection to this address may be opened. `is_encrypted` says whether it uses TLS.
    fn admits(&self, address: IpAddr, is_encrypted: bool) -> bool;
}

/// The guard admits no address of the host.
#[derive(Debug)]
pub struct Forbidden;

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no address of the host is admitted")
    }
}

impl std::error::Error for Forbidden {}

impl Forbidden {
    /// Whether this is the reason of a failure.
    pub fn is_cause_of(failure: &Failure) -> bool {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&**failure);
        while let Some(error) = cause {
            if error.is::<Self>() {
                return true;
            }
            cause = error.source();
        }
        false
    }
}

/// Opens connections to what a guard admits. It asks for each connection, after the name of the host was resolved, so the
/// address that was checked is the one that is connected to.
#[derive(Clone)]
struct Connector<G>(G);

/// Makes clients for URLs that users give.
#[derive(Clone)]
pub struct Guarded<G>(HttpsConnector<Connector<G>>);

/// A client that keeps its connection for the next request. It follows no redirect and uses no proxy.
pub struct GuardedClient<G>(legacy::Client<HttpsConnector<Connector<G>>, Full<Bytes>>);

impl<G: Guard> Guarded<G> {
    /// Connections go where the guard admits. A server's certificate must be signed by a public root authority. Errors:
    /// never with the TLS library that is compiled in.
    pub fn by(guard: G) -> Result<Self, Failure> {
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::aws_lc_rs::default_provider())?
            .https_or_http()
            .enable_http1()
            .wrap_connector(Connector(guard));
        Ok(Self(connector))
    }

    /// A client without a connection.
    pub fn client(&self) -> GuardedClient<G> {
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(1)
            .build(self.0.clone());
        GuardedClient(client)
    }
}

impl<G: Guard> GuardedClient<G> {
    /// Sends a request and returns the head of the answer. The body is ignored. Errors: no address of the host is
    /// admitted ([`Forbidden`]), there is no answer within `limit` ([`Elapsed`](tokio::time::error::Elapsed)), or the
    /// connection fails.
    pub async fn send(
        &self,
        request: Request<Full<Bytes>>,
        limit: Duration,
    ) -> Result<Parts, Failure> {
        let answer = timeout(limit, self.0.request(request)).await??;
        let (head, body) = answer.into_parts();
        // A body that is longer or slower costs the connection, and nothing else.
        let _ = timeout(BODY_TIMEOUT, Limited::new(body, LONGEST_BODY).collect()).await;
        Ok(head)
    }
}

impl<G: Guard> Service<Uri> for Connector<G> {
    type Response = TokioIo<TcpStream>;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Failure>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(connect(self.0.clone(), uri))
    }
}

async fn connect(guard: impl Guard, uri: Uri) -> Result<TokioIo<TcpStream>, Failure> {
    let is_encrypted = uri.scheme() != Some(&Scheme::HTTP);
    let host = uri.host().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = uri
        .port_u16()
        .unwrap_or(if is_encrypted { 443 } else { 80 });
    let addresses = tokio::net::lookup_host((host, port)).await?;
    let mut reason = Failure::from(Forbidden);
    for address in addresses.filter(|address| guard.admits(address.ip(), is_encrypted)) {
        match timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true)?;
                return Ok(TokioIo::new(stream));
            }
            Ok(Err(error)) => reason = error.into(),
            Err(elapsed) => reason = elapsed.into(),
        }
    }
    Err(reason)
}

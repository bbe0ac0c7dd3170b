//! A proxy before a service that speaks HTTP. It counts the calls, and lets them fail where a test says so.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1 as client;
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use crate::world::PATIENCE;

/// A proxy on a port of its own. Dropping it closes it.
#[derive(Debug)]
pub struct Calls {
    port: u16,
    state: Arc<State>,
    listening: JoinHandle<()>,
}

/// How a call fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection is closed before the service has the call.
    Refused,
    /// The service has done its work, and the connection is closed before the answer.
    AnswerLost,
    /// This is answered, and the service never has the call.
    Answered(u16, &'static str),
    /// Nothing is answered.
    Silent,
}

#[derive(Debug, Default)]
struct State {
    /// The address of the service. Empty: there is none.
    upstream: Mutex<String>,
    faults: Mutex<Faults>,
    failed: Notify,
}

#[derive(Debug, Default)]
struct Faults {
    /// The number of calls so far.
    calls: usize,
    /// The number of calls that failed.
    failed: usize,
    /// From which call on they fail, and how.
    from: Option<(usize, Fault)>,
}

impl Calls {
    /// Opens a proxy without a service: calls are refused.
    pub async fn new() -> Self {
        let socket = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = socket.local_addr().unwrap().port();
        let state = Arc::default();
        let listening = tokio::spawn(listen(socket, Arc::clone(&state)));
        Self {
            port,
            state,
            listening,
        }
    }

    /// Returns its URL.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Forwards to this URL from now on.
    pub fn lead_to(&self, url: &str) {
        let address = url.trim_start_matches("http://").to_owned();
        *lock(&self.state.upstream) = address;
    }

    /// Lets the call fail that is the `number`th from now on, and all after it. The first has number 1.
    pub fn fail_from(&self, number: usize, fault: Fault) {
        let mut faults = lock(&self.state.faults);
        *faults = Faults {
            from: Some((number, fault)),
            ..Faults::default()
        };
    }

    /// Lets no more calls fail. Returns how many failed.
    pub fn mend(&self) -> usize {
        std::mem::take(&mut *lock(&self.state.faults)).failed
    }

    /// Waits until a call has failed.
    pub async fn have_failed(&self) {
        let failed = async {
            loop {
                let news = self.state.failed.notified();
                tokio::pin!(news);
                news.as_mut().enable();
                if lock(&self.state.faults).failed > 0 {
                    return;
                }
                news.await;
            }
        };
        timeout(PATIENCE, failed).await.expect("a call that fails");
    }
}

impl Drop for Calls {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl State {
    /// Counts a call. Returns how it fails, if it does.
    fn fault(&self) -> Option<Fault> {
        let mut faults = lock(&self.faults);
        faults.calls += 1;
        let (from, fault) = faults.from.clone()?;
        if faults.calls < from {
            return None;
        }
        faults.failed += 1;
        self.failed.notify_waiters();
        Some(fault)
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Broken> {
        match self.fault() {
            None => self.forward(request).await,
            Some(Fault::Refused) => Err(Broken),
            Some(Fault::AnswerLost) => {
                self.forward(request).await?;
                Err(Broken)
            }
            Some(Fault::Answered(status, body)) => {
                let _ = request.into_body().collect().await;
                let answer = Response::builder().status(status).body(Full::from(body));
                answer.map_err(|_| Broken)
            }
            Some(Fault::Silent) => std::future::pending().await,
        }
    }

    async fn forward(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Broken> {
        let upstream = lock(&self.upstream).clone();
        let stream = TcpStream::connect(upstream).await.map_err(|_| Broken)?;
        let connected = client::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = connected.map_err(|_| Broken)?;
        let connection = tokio::spawn(connection);
        let answer = sender.send_request(request).await.map_err(|_| Broken)?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map_err(|_| Broken)?.to_bytes();
        connection.abort();
        Ok(Response::from_parts(head, Full::new(body)))
    }
}

/// The connection is closed without an answer.
#[derive(Debug)]
struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("the connection is broken")
    }
}

impl std::error::Error for Broken {}

async fn listen(socket: TcpListener, state: Arc<State>) {
    // These tasks are aborted with this one.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = socket.accept().await {
        let state = state.clone();
        connections.spawn(async move {
            let service = service_fn(move |request| {
                let state = state.clone();
                async move { state.answer(request).await }
            });
            let _ = server::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

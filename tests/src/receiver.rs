//! A receiver of webhooks: an HTTP server on loopback that keeps what it gets, and answers as a test says.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};

use crate::world::eventually;

/// A receiver on a port of its own. Dropping it closes it.
#[derive(Debug)]
pub struct Receiver {
    port: u16,
    state: Arc<State>,
    listening: JoinHandle<()>,
}

/// A request that it got.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The headers.
    pub headers: HeaderMap,
    /// The body as text.
    pub body: String,
}

/// How it answers a request.
#[derive(Clone, Debug)]
pub enum Answering {
    /// With this status.
    Status(u16),
    /// With this status and header.
    Header(u16, &'static str, String),
    /// With 204, once the test lets it.
    Once(Arc<Notify>),
    /// Not at all.
    Never,
}

#[derive(Debug, Default)]
struct State {
    deliveries: Mutex<Vec<Delivery>>,
    answers: Mutex<VecDeque<Answering>>,
    connections: Mutex<usize>,
}

impl Receiver {
    /// Opens a receiver that answers 204.
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

    /// Returns the URL of this path, with the name or address of this machine as host.
    pub fn url(&self, scheme: &str, host: &str) -> String {
        format!("{scheme}://{host}:{}/events?token=hunter2", self.port)
    }

    /// Answers the next requests so, and the others with 204.
    pub fn answer(&self, answers: impl IntoIterator<Item = Answering>) {
        lock(&self.state.answers).extend(answers);
    }

    /// Returns the requests that it got, in their order.
    pub fn deliveries(&self) -> Vec<Delivery> {
        lock(&self.state.deliveries).clone()
    }

    /// Returns the ids of the events that it got, in their order.
    pub fn ids(&self) -> Vec<String> {
        self.deliveries().iter().map(Delivery::id).collect()
    }

    /// Returns how many connections were opened.
    pub fn connections(&self) -> usize {
        *lock(&self.state.connections)
    }

    /// Waits until it has this many requests.
    pub async fn has(&self, requests: usize) {
        eventually("the receiver has the requests", async || {
            self.deliveries().len() >= requests
        })
        .await;
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Delivery {
    /// Returns a header's value.
    pub fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    /// Returns the id of the event.
    pub fn id(&self) -> String {
        self.header("webhook-id").to_owned()
    }

    /// Returns the event.
    pub fn event(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

impl State {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        lock(&self.deliveries).push(Delivery {
            headers: head.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        });
        let answering = lock(&self.answers).pop_front();
        let answer = Response::builder();
        let answer = match answering.unwrap_or(Answering::Status(204)) {
            Answering::Status(status) => answer.status(status),
            Answering::Header(status, name, value) => answer.status(status).header(name, value),
            Answering::Once(released) => {
                released.notified().await;
                answer.status(204)
            }
            Answering::Never => std::future::pending().await,
        };
        answer.body(Full::default()).unwrap()
    }
}

async fn listen(socket: TcpListener, state: Arc<State>) {
    // These tasks are aborted with this one.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = socket.accept().await {
        *lock(&state.connections) += 1;
        let state = state.clone();
        connections.spawn(async move {
            let service = service_fn(move |request| {
                let state = state.clone();
                async move { Ok::<_, std::convert::Infallible>(state.answer(request).await) }
            });
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

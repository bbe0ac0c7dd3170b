//! A proxy between the functions and S3. It forwards all bytes, or breaks off where a test says so.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Duration, timeout};

/// A gate for `POST` requests, because a `POST` completes a multipart upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gate {
    Open,
    Closed,
    /// The gate is closed, and a request waits at it.
    Reached,
}

/// A proxy on a port of its own, which functions get as `S3_ENDPOINT`. Dropping it closes it.
#[derive(Debug)]
pub struct Passage {
    port: u16,
    upstream: Arc<OnceLock<String>>,
    /// The number of bytes that a connection may receive from S3 before it breaks.
    allowed: Arc<AtomicU64>,
    gate: watch::Sender<Gate>,
    listening: JoinHandle<()>,
}

impl Passage {
    /// Opens a proxy without a destination. Its URL is needed before S3 starts.
    pub async fn new() -> Self {
        let socket = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = socket.local_addr().unwrap().port();
        let upstream = Arc::default();
        let allowed = Arc::new(AtomicU64::new(u64::MAX));
        let gate = watch::Sender::new(Gate::Open);
        let way = (allowed.clone(), gate.clone());
        let listening = tokio::spawn(listen(socket, Arc::clone(&upstream), way));
        Self {
            port,
            upstream,
            allowed,
            gate,
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
        self.upstream.set(address).unwrap();
    }

    /// Breaks each connection after it received this number of bytes. With 0, S3 is unreachable.
    pub fn break_after(&self, bytes: u64) {
        self.allowed.store(bytes, Ordering::SeqCst);
    }

    /// Stops breaking connections.
    pub fn mend(&self) {
        self.break_after(u64::MAX);
    }

    /// Holds the next `POST` until it is released.
    pub fn hold_post(&self) {
        self.gate.send_replace(Gate::Closed);
    }

    /// Waits until a request is held.
    pub async fn holds(&self) {
        let mut gate = self.gate.subscribe();
        let reached = gate.wait_for(|gate| *gate == Gate::Reached);
        timeout(Duration::from_secs(20), reached)
            .await
            .expect("a POST within 20 s")
            .unwrap();
    }

    /// Releases the held request.
    pub fn let_through(&self) {
        self.gate.send_replace(Gate::Open);
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

type Way = (Arc<AtomicU64>, watch::Sender<Gate>);

async fn listen(socket: TcpListener, upstream: Arc<OnceLock<String>>, way: Way) {
    // These tasks are aborted with this one.
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = socket.accept().await {
        let Some(address) = upstream.get() else {
            continue;
        };
        if let Ok(server) = TcpStream::connect(address).await {
            connections.spawn(pass(client, server, way.clone()));
        }
    }
}

/// Carries one connection until one side closes it or it breaks.
async fn pass(mut client: TcpStream, mut server: TcpStream, (allowed, gate): Way) {
    let (mut asked, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    let mut brought = 0;
    loop {
        let passed = tokio::select! {
            length = client.read(&mut asked) => match length {
                Ok(length @ 1..) => {
                    if asked.starts_with(b"POST ") {
                        wait(&gate).await;
                    }
                    server.write_all(&asked[..length]).await
                }
                _ => return,
            },
            length = server.read(&mut answered) => match length {
                Ok(length @ 1..) => {
                    brought += length as u64;
                    if brought > allowed.load(Ordering::SeqCst) {
                        return;
                    }
                    client.write_all(&answered[..length]).await
                }
                _ => return,
            },
        };
        if passed.is_err() {
            return;
        }
    }
}

async fn wait(gate: &watch::Sender<Gate>) {
    let mut opened = gate.subscribe();
    gate.send_if_modified(|gate| {
        let is_closed = *gate == Gate::Closed;
        if is_closed {
            *gate = Gate::Reached;
        }
        is_closed
    });
    let _ = opened.wait_for(|gate| *gate == Gate::Open).await;
}

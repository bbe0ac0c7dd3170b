//! A page in a real browser, from an origin of its own, and what it tells.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use local_cloud::listener::Listener;
use serde_json::Value;
use tokio::process::Command;
use tokio::sync::mpsc;

/// How long a browser may take, from its start to the page's last word.
const PATIENCE: Duration = Duration::from_secs(60);

/// A page that finds its task at `/task` and posts what came of it to `/told`. Dropping it closes its
/// port.
#[derive(Debug)]
pub struct Page {
    listener: Listener,
    task: Arc<Mutex<Value>>,
    told: mpsc::UnboundedReceiver<Value>,
}

impl Page {
    /// Serves this HTML on a port of its own, an origin by itself.
    pub async fn new(html: &'static str) -> Self {
        let task = Arc::new(Mutex::new(Value::Null));
        let (tell, told) = mpsc::unbounded_channel();
        let given = task.clone();
        let listener = Listener::start(0, move |request: Request<Incoming>, _: SocketAddr| {
            let (given, tell) = (given.clone(), tell.clone());
            async move {
                let (head, body) = request.into_parts();
                let (kind, content) = match head.uri.path() {
                    "/" => ("text/html", html.to_owned()),
                    "/task" => ("application/json", given.lock().unwrap().to_string()),
                    "/told" => {
                        let body = body.collect().await.unwrap().to_bytes();
                        tell.send(serde_json::from_slice(&body).unwrap()).unwrap();
                        ("text/plain", String::new())
                    }
                    _ => return not_found(),
                };
                let answer = Response::builder().header("content-type", kind);
                answer.body(Full::new(Bytes::from(content))).unwrap()
            }
        });
        Self {
            listener: listener.await.unwrap(),
            task,
            told,
        }
    }

    /// Its origin at this name of this machine: one for `127.0.0.1`, another for `localhost`.
    pub fn origin(&self, host: &str) -> String {
        format!("http://{host}:{}", self.listener.port())
    }

    /// Opens it in Chromium with a task, and waits for what it tells.
    pub async fn visit(&mut self, host: &str, task: Value) -> Value {
        *self.task.lock().unwrap() = task;
        let folder = tempfile::Builder::new()
            .prefix("caretrail-browser-")
            .tempdir()
            .unwrap();
        let mut browser = Command::new("chromium")
            // Without a sandbox: it allows none to root, who runs the tests in a container.
            .args(["--headless=new", "--no-sandbox", "--disable-gpu"])
            .args(["--disable-dev-shm-usage", "--disable-background-networking"])
            .args([
                "--disable-component-update",
                "--disable-sync",
                "--no-first-run",
            ])
            .arg(format!("--user-data-dir={}", folder.path().display()))
            .arg(self.origin(host))
            .env("HOME", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("chromium runs: apt-get install chromium");
        let told = tokio::time::timeout(PATIENCE, self.told.recv()).await;
        // Ended before its folder goes.
        browser.kill().await.unwrap();
        told.expect("the page comes to its end").unwrap()
    }
}

/// For the icon that a browser asks for.
fn not_found() -> Response<Full<Bytes>> {
    let mut answer = Response::default();
    *answer.status_mut() = StatusCode::NOT_FOUND;
    answer
}

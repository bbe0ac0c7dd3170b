//! A page in a real browser, served from its own origin, and the result it reports.

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

/// The longest time a browser may take from its start to the page's result.
const PATIENCE: Duration = Duration::from_secs(60);

/// A page that reads its task from `/task` and posts its result to `/told`. Dropping it closes its
/// port.
#[derive(Debug)]
pub struct Page {
    listener: Listener,
    task: Arc<Mutex<Value>>,
    told: mpsc::UnboundedReceiver<Value>,
}

impl Page {
    /// Serves this HTML on a free port, which makes it an origin of its own.
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

    /// Returns its origin for this host name: `127.0.0.1` and `localhost` are different origins.
    pub fn origin(&self, host: &str) -> String {
        format!("http://{host}:{}", self.listener.port())
    }

    /// Opens the page in Chromium with a task, and waits for its result.
    pub async fn visit(&mut self, host: &str, task: Value) -> Value {
        *self.task.lock().unwrap() = task;
        let folder = tempfile::Builder::new()
            .prefix("caretrail-browser-")
            .tempdir()
            .unwrap();
        let mut browser = Command::new("chromium")
            // Chromium runs without its sandbox, because the sandbox refuses root, which runs the
            // tests in a container.
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
        // The browser must end before its folder is removed.
        browser.kill().await.unwrap();
        told.expect("the page reports its result").unwrap()
    }
}

/// The browser also requests an icon.
fn not_found() -> Response<Full<Bytes>> {
    let mut answer = Response::default();
    *answer.status_mut() = StatusCode::NOT_FOUND;
    answer
}

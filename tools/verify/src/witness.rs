//! A witness: a small server that cosigns the checkpoints of logs, and never two that contradict each other
//! ([tlog-witness 1.0.0](https://c2sp.org/tlog-witness@v1.0.0)).
//!
//! A second party runs it, or the organisation in an account of its own. Whoever owns the log can then no longer show one
//! log to one auditor and another log to the next.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use transparency_log::Failure;
use transparency_log::checkpoint::Checkpoint;
use transparency_log::note::{Algorithm, Signature, VerifierKey};
use transparency_log::signer::Signer;
use transparency_log::witness::{AddCheckpoint, Refusal};

/// The longest body that is read, in bytes. A request has at most 63 hashes and one note.
const LONGEST_BODY: usize = 64 * 1024;

/// A client that sends nothing for this long is disconnected.
const SILENCE: Duration = Duration::from_secs(10);

/// A witness of some logs.
pub struct Witness {
    name: String,
    signer: Box<dyn Signer>,
    logs: BTreeMap<String, VerifierKey>,
    path: PathBuf,
    /// Held from the comparison with the newest checkpoint until the new one is stored.
    state: Mutex<State>,
}

/// The checkpoint of each log that was cosigned last, by the log's origin.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
struct State(BTreeMap<String, Latest>);

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Latest {
    size: u64,
    /// The root, in hexadecimal digits.
    #[serde(with = "hex::serde")]
    root: [u8; 32],
}

/// Why a checkpoint isn't cosigned.
#[derive(Debug)]
pub enum Refused {
    /// The protocol forbids it.
    Refusal(Refusal),
    /// The state can't be stored, or the key can't be used.
    Failed(Failure),
}

impl Witness {
    /// The witness with this name, for these logs. The state is in the file `path`, which is made by the first
    /// checkpoint. Errors: the name can't be that of a key, or the file can't be read.
    pub fn open(
        name: &str,
        signer: Box<dyn Signer>,
        logs: Vec<VerifierKey>,
        path: PathBuf,
    ) -> Result<Self, Failure> {
        VerifierKey::new(name, Algorithm::CosignatureV1, signer.public_key())?;
        let state = match fs::read(&path) {
            // A witness that forgot its state would cosign a fork, so a damaged file is an error.
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(error) if error.kind() == ErrorKind::NotFound => State::default(),
            Err(error) => return Err(error.into()),
        };
        Ok(Self {
            name: name.to_owned(),
            signer,
            logs: logs
                .into_iter()
                .map(|key| (key.name().to_owned(), key))
                .collect(),
            path,
            state: Mutex::new(state),
        })
    }

    /// The key that verifies the cosignatures.
    pub fn key(&self) -> Result<VerifierKey, Failure> {
        let public_key = self.signer.public_key();
        Ok(VerifierKey::new(
            &self.name,
            Algorithm::CosignatureV1,
            public_key,
        )?)
    }

    /// Cosigns the checkpoint in the body of a request to `add-checkpoint`. The checkpoint is on the disk before its
    /// cosignature exists. Errors: see [`Refused`].
    pub async fn add_checkpoint(&self, body: &[u8]) -> Result<Signature, Refused> {
        let request = AddCheckpoint::parse(body).map_err(Refusal::Malformed)?;
        let mut state = self.state.lock().await;
        let checkpoint = request.check(|origin| {
            let latest = state.0.get(origin).map(|latest| Checkpoint {
                origin: origin.to_owned(),
                size: latest.size,
                root: latest.root,
            });
            Some((self.logs.get(origin)?.clone(), latest))
        })?;
        let mut next = state.clone();
        let latest = Latest {
            size: checkpoint.size,
            root: checkpoint.root,
        };
        next.0.insert(checkpoint.origin.clone(), latest);
        store(&self.path, &next)?;
        *state = next;
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_err(|_| Failure::from("the clock is before 1970"))?;
        let text = request.checkpoint.text();
        let cosigned = Signature::cosign(&self.name, text, now.as_secs(), &*self.signer);
        Ok(cosigned.await?)
    }

    /// Serves the protocol on this address until an error. Errors: the address can't be used.
    pub async fn serve(self: Arc<Self>, listener: TcpListener) -> io::Result<()> {
        loop {
            let (stream, _) = listener.accept().await?;
            let witness = self.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request| {
                    let witness = witness.clone();
                    async move { Ok::<_, Infallible>(witness.answer(request).await) }
                });
                // A connection that breaks concerns only its client.
                let _ = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(SILENCE)
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        if request.uri().path() != "/add-checkpoint" {
            return text(StatusCode::NOT_FOUND, "The only path is /add-checkpoint.\n");
        }
        if request.method() != Method::POST {
            let mut refused = text(StatusCode::METHOD_NOT_ALLOWED, "The only method is POST.\n");
            refused
                .headers_mut()
                .insert(ALLOW, http::HeaderValue::from_static("POST"));
            return refused;
        }
        let body = Limited::new(request.into_body(), LONGEST_BODY).collect();
        let body = match tokio::time::timeout(SILENCE, body).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(_)) => {
                return text(
                    StatusCode::BAD_REQUEST,
                    "The body can't be read or is longer than 64 KiB.\n",
                );
            }
            Err(_) => return text(StatusCode::REQUEST_TIMEOUT, "The body comes too slowly.\n"),
        };
        match self.add_checkpoint(&body).await {
            Ok(signature) => text(StatusCode::OK, signature.to_string()),
            Err(Refused::Refusal(refusal)) => refused(refusal),
            Err(Refused::Failed(failure)) => {
                eprintln!("The checkpoint could not be cosigned: {failure}");
                text(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "The checkpoint could not be cosigned.\n",
                )
            }
        }
    }
}

fn refused(refusal: Refusal) -> Response<Full<Bytes>> {
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let reason = match refusal {
        Refusal::OtherSize(size) => {
            let mut answer = text(status, format!("{size}\n"));
            answer.headers_mut().insert(
                CONTENT_TYPE,
                http::HeaderValue::from_static("text/x.tlog.size"),
            );
            return answer;
        }
        Refusal::Malformed(fault) => format!("The request is invalid ({fault}).\n"),
        Refusal::UnknownOrigin => "The witness doesn't know the log.\n".to_owned(),
        Refusal::Unsigned => "The checkpoint isn't signed by the log.\n".to_owned(),
        Refusal::OtherRoot => {
            "The witness cosigned another root for this size. The log is forked.\n".to_owned()
        }
        Refusal::Inconsistent => {
            "The proof doesn't show that the log only grew since the last checkpoint.\n".to_owned()
        }
    };
    text(status, reason)
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(
        CONTENT_TYPE,
        http::HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}

/// Replaces the file in one step, and returns once it is on the disk. Otherwise a power cut could make the witness forget
/// what it cosigned.
fn store(path: &Path, state: &State) -> Result<(), Failure> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".unfinished");
    let mut file = File::create(&unfinished)?;
    file.write_all(&serde_json::to_vec_pretty(state)?)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    File::open(folder)?.sync_all()?;
    Ok(())
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Listens on this address. Errors: it can't be used.
pub async fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await
}

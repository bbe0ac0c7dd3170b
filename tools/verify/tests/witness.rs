//! Tests of the witness over HTTP.

#![expect(
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::net::TcpStream;
use transparency_log::checkpoint::Checkpoint;
use transparency_log::leaf::{Heads, Leaf};
use transparency_log::log::{Log, checkpoint_key, read_note};
use transparency_log::note::{Note, VerifierKey};
use transparency_log::proof;
use transparency_log::signer::FileSigner;
use transparency_log::store::Folder;
use transparency_log::witness::{AddCheckpoint, cosignatures, size_of};
use verify::witness::{Witness, listen};

const ORIGIN: &str = "example.org/log";

/// A log with a witness, and the folder of both.
struct World {
    folder: TempDir,
    store: Arc<Folder>,
    log: Log,
    address: String,
    witness: VerifierKey,
}

/// An answer of the witness.
struct Answer {
    status: StatusCode,
    kind: String,
    body: Bytes,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (store, log) = log(folder.path(), "log");
        let (address, witness) = serve(folder.path(), log.key()).await;
        Self {
            folder,
            store,
            log,
            address,
            witness,
        }
    }

    /// Lets the log grow by these leaves, and returns its checkpoint.
    async fn grow(&self, leaves: u64) -> Checkpoint {
        grow(&self.log, leaves).await
    }

    /// The request to cosign a checkpoint after the witness cosigned `old`.
    async fn request(&self, old: u64, checkpoint: &Checkpoint) -> AddCheckpoint {
        let proof = proof::consistency(&*self.store, old, checkpoint)
            .await
            .unwrap();
        AddCheckpoint {
            old,
            proof,
            checkpoint: note(&self.store, checkpoint).await,
        }
    }

    async fn send(&self, request: &AddCheckpoint) -> Answer {
        post(&self.address, "/add-checkpoint", request.to_string()).await
    }

    /// Asserts that the answer is a valid cosignature of the checkpoint.
    fn is_cosigned(&self, answer: &Answer, request: &AddCheckpoint) {
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        let witnesses = [self.witness.clone()];
        let cosigned = cosignatures(&answer.body, &request.checkpoint, &witnesses).unwrap();
        assert_eq!(cosigned.len(), 1);
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.status, String::from_utf8_lossy(&self.body))
    }
}

/// A log of its own in this folder, all with the same key.
fn log(folder: &Path, name: &str) -> (Arc<Folder>, Log) {
    let store = Arc::new(Folder::new(folder.join(name)));
    let key = FileSigner::open_or_generate(&folder.join("log-key")).unwrap();
    let log = Log::new(store.clone(), Arc::new(key), ORIGIN, Duration::ZERO).unwrap();
    (store, log)
}

async fn grow(log: &Log, leaves: u64) -> Checkpoint {
    let tip = log.recover().await.unwrap();
    let leaves = (0..leaves).map(|chains| {
        Leaf::Heads(Heads {
            chains,
            digest: [3; 32],
        })
    });
    let batch = tip.next(1, 1, leaves).unwrap();
    let published = log.publish(&tip, batch).await.unwrap();
    let tree = published.tip().tree();
    Checkpoint {
        origin: ORIGIN.to_owned(),
        size: tree.size(),
        root: tree.root(),
    }
}

async fn note(store: &Folder, checkpoint: &Checkpoint) -> Note {
    let mut number = 0;
    loop {
        let note = read_note(store, &checkpoint_key(number))
            .await
            .unwrap()
            .unwrap();
        if note.text() == checkpoint.to_string() {
            return note;
        }
        number += 1;
    }
}

/// Starts a witness with the state that is in this folder.
async fn serve(folder: &Path, log: &VerifierKey) -> (String, VerifierKey) {
    let key = FileSigner::open_or_generate(&folder.join("witness-key")).unwrap();
    let state = folder.join("state.json");
    let witness =
        Witness::open("witness.example", Box::new(key), vec![log.clone()], state).unwrap();
    let vkey = witness.key().unwrap();
    let listener = listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(Arc::new(witness).serve(listener));
    (address, vkey)
}

async fn post(address: &str, path: &str, body: String) -> Answer {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::post(path)
        .header("host", address)
        .body(Full::new(Bytes::from(body)))
        .unwrap();
    let response = sender.send_request(request).await.unwrap();
    let kind = response.headers().get("content-type");
    Answer {
        status: response.status(),
        kind: kind.map_or("", |kind| kind.to_str().unwrap()).to_owned(),
        body: response.into_body().collect().await.unwrap().to_bytes(),
    }
}

#[tokio::test]
async fn a_log_that_only_grows_is_cosigned() {
    let world = World::new().await;
    let mut old = 0;
    for leaves in [1, 6, 300] {
        let checkpoint = world.grow(leaves).await;
        let request = world.request(old, &checkpoint).await;
        world.is_cosigned(&world.send(&request).await, &request);
        old = checkpoint.size;
    }
}

#[tokio::test]
async fn a_checkpoint_that_is_sent_again_is_cosigned_again() {
    let world = World::new().await;
    let checkpoint = world.grow(5).await;
    let request = world.request(0, &checkpoint).await;
    world.is_cosigned(&world.send(&request).await, &request);
    // The first request has the old size 0, which isn't the witness's any more.
    let answer = world.send(&request).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert_eq!(answer.kind, "text/x.tlog.size");
    assert_eq!(size_of(&answer.body), Ok(5));
    let request = world.request(5, &checkpoint).await;
    world.is_cosigned(&world.send(&request).await, &request);
}

#[tokio::test]
async fn a_smaller_log_is_not_cosigned() {
    let world = World::new().await;
    let (small, large) = (world.grow(5).await, world.grow(7).await);
    let request = world.request(0, &large).await;
    world.is_cosigned(&world.send(&request).await, &request);
    let mut request = world.request(0, &small).await;
    assert_eq!(world.send(&request).await.status, StatusCode::CONFLICT);
    request.old = 12;
    assert_eq!(world.send(&request).await.status, StatusCode::BAD_REQUEST);
    request.old = 5;
    assert_eq!(world.send(&request).await.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_fork_is_not_cosigned() {
    let world = World::new().await;
    let checkpoint = world.grow(5).await;
    let request = world.request(0, &checkpoint).await;
    world.is_cosigned(&world.send(&request).await, &request);
    // The same size with another root, under the log's own key.
    let (store, other) = log(world.folder.path(), "other");
    grow(&other, 4).await;
    let fork = grow(&other, 1).await;
    assert_eq!(fork.size, checkpoint.size);
    let request = AddCheckpoint {
        old: 5,
        proof: Vec::new(),
        checkpoint: note(&store, &fork).await,
    };
    let answer = world.send(&request).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert!(answer.kind.starts_with("text/plain"), "{}", answer.kind);
    // The fork goes on, with a proof of its own.
    let later = grow(&other, 9).await;
    let request = AddCheckpoint {
        old: 5,
        proof: proof::consistency(&*store, 5, &later).await.unwrap(),
        checkpoint: note(&store, &later).await,
    };
    assert_eq!(
        world.send(&request).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
}

#[tokio::test]
async fn a_bad_proof_a_bad_signature_and_an_unknown_log_are_refused() {
    let world = World::new().await;
    let first = world.grow(5).await;
    let request = world.request(0, &first).await;
    world.send(&request).await;
    let checkpoint = world.grow(6).await;
    let good = world.request(5, &checkpoint).await;
    let mut bad = good.clone();
    bad.proof[0][0] ^= 1;
    assert_eq!(
        world.send(&bad).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    bad.proof.clear();
    assert_eq!(
        world.send(&bad).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );

    let text = good.to_string();
    let unsigned = text.replace("\n11\n", "\n12\n");
    assert_ne!(text, unsigned);
    let answer = post(&world.address, "/add-checkpoint", unsigned).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let unknown = text.replace(ORIGIN, "example.org/unknown");
    let answer = post(&world.address, "/add-checkpoint", unknown).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    let answer = post(&world.address, "/add-checkpoint", "old 1\n".to_owned()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let answer = post(&world.address, "/add-checkpoint", "x".repeat(100_000)).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let answer = post(&world.address, "/", text).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    // None of them changed what the witness knows.
    world.is_cosigned(&world.send(&good).await, &good);
}

#[tokio::test]
async fn of_two_forks_at_once_one_is_cosigned() {
    let world = World::new().await;
    let (store, other) = log(world.folder.path(), "other");
    for _ in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let (address, _) = serve(folder.path(), world.log.key()).await;
        let (ours, theirs) = (world.grow(2).await, grow(&other, 3).await);
        let ours = AddCheckpoint {
            old: 0,
            proof: Vec::new(),
            checkpoint: note(&world.store, &ours).await,
        };
        let theirs = AddCheckpoint {
            old: 0,
            proof: Vec::new(),
            checkpoint: note(&store, &theirs).await,
        };
        let path = "/add-checkpoint";
        let (one, two) = tokio::join!(
            post(&address, path, ours.to_string()),
            post(&address, path, theirs.to_string())
        );
        let mut statuses = [one.status.as_u16(), two.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409]);
    }
}

#[tokio::test]
async fn a_witness_that_restarts_remembers_what_it_cosigned() {
    let world = World::new().await;
    let checkpoint = world.grow(5).await;
    let request = world.request(0, &checkpoint).await;
    world.is_cosigned(&world.send(&request).await, &request);
    let (address, witness) = serve(world.folder.path(), world.log.key()).await;
    assert_eq!(witness, world.witness);
    let answer = post(&address, "/add-checkpoint", request.to_string()).await;
    assert_eq!(size_of(&answer.body), Ok(5));
}

#[tokio::test]
async fn a_witness_that_cannot_store_its_state_cosigns_nothing() {
    let world = World::new().await;
    let checkpoint = world.grow(5).await;
    let request = world.request(0, &checkpoint).await;
    // A folder has the name of the file that is written first.
    let unfinished = world.folder.path().join("state.json.unfinished");
    std::fs::create_dir(&unfinished).unwrap();
    let answer = world.send(&request).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    std::fs::remove_dir(&unfinished).unwrap();
    // It knows nothing of the attempt.
    world.is_cosigned(&world.send(&request).await, &request);
}

#[tokio::test]
async fn a_witness_with_a_damaged_state_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.json");
    std::fs::write(&state, "{\"example.org/log\": {\"size\": 5").unwrap();
    let key = FileSigner::open_or_generate(&folder.path().join("key")).unwrap();
    assert!(Witness::open("witness.example", Box::new(key), Vec::new(), state).is_err());
}

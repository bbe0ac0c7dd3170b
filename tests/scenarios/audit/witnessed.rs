//! The sealer has its checkpoints cosigned by a witness, the program `caretrail-verify witness`.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tests::calls::{Calls, Fault};
use tests::prelude::*;
use tests::sealed_log::*;
use transparency_log::checkpoint::Checkpoint;
use transparency_log::log::{CHECKPOINT, read_note};
use transparency_log::note::{Algorithm, VerifierKey};
use transparency_log::signer::{FileSigner, Signer as _};

const NAME: &str = "witness.example.net";

/// A witness's process. Dropping it ends it.
struct Witness {
    process: Child,
    url: String,
}

impl Witness {
    /// Starts a witness of the world's log, with this state.
    fn start(world: &World, key: &Path, state: &Path) -> Self {
        let program = local_cloud::workspace::binaries().join("caretrail-verify");
        let mut process = Command::new(program)
            .args(["witness", "--listen", "127.0.0.1:0", "--name", NAME])
            .args(["--key-file", key.to_str().unwrap()])
            .args(["--state", state.to_str().unwrap()])
            .args(["--log", &world.log_key().to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let output = process.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut said).unwrap();
        let url = said.trim_end().rsplit(' ').next().unwrap().to_owned();
        Self { process, url }
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// A world whose sealer asks a witness through a proxy, which leads nowhere yet.
struct Scene {
    world: World,
    ada: Patient,
    calls: Calls,
    key: VerifierKey,
    key_file: PathBuf,
    _folder: tempfile::TempDir,
}

impl Scene {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key_file = folder.path().join("witness.key");
        let signer = FileSigner::open_or_generate(&key_file).unwrap();
        let key = VerifierKey::new(NAME, Algorithm::CosignatureV1, signer.public_key()).unwrap();
        let calls = Calls::new().await;
        let environment = [
            ("WITNESS_URL".to_owned(), calls.url()),
            ("WITNESS_KEYS".to_owned(), key.to_string()),
        ];
        let world = World::with(Setup {
            environment: environment.into(),
            ..Setup::default()
        })
        .await;
        let ada = world.patient("Ada").await;
        Self {
            world,
            ada,
            calls,
            key,
            key_file,
            _folder: folder,
        }
    }

    fn state(&self) -> PathBuf {
        self.world.folder().join("witness.json")
    }

    fn start(&self) -> Witness {
        let witness = Witness::start(&self.world, &self.key_file, &self.state());
        self.calls.lead_to(&witness.url);
        witness
    }

    /// Reads a chart, seals its row, and says whether the witness cosigned the newest checkpoint.
    async fn seals_cosigned(&self) -> bool {
        let rows = self.world.sealed_rows().await.len();
        let chart = format!("/v1/patients/{}", self.ada.id);
        self.ada.get(&chart).await.expect(200);
        // A transaction of another test may hold the row back for a moment.
        eventually("the row is sealed", async || {
            self.world.seal().await;
            self.world.sealed_rows().await.len() == rows + 1
        })
        .await;
        self.is_cosigned().await
    }

    async fn is_cosigned(&self) -> bool {
        let note = read_note(&self.world.log_store(), CHECKPOINT).await;
        let cosignatures = Checkpoint::cosignatures(&note.unwrap().unwrap(), [&self.key]);
        cosignatures.unwrap().len() == 1
    }

    fn complaints(&self) -> usize {
        self.world.sealer_lines(NOT_COSIGNED)
    }
}

#[tokio::test]
async fn a_checkpoint_is_cosigned_and_published_and_the_verifier_accepts_it() {
    let scene = Scene::new().await;
    // No witness is there yet. Sealing goes on.
    assert!(!scene.seals_cosigned().await);
    let complaints = scene.complaints();
    assert!(complaints > 0);
    let _witness = scene.start();
    // There is nothing new to seal, and the next run asks again.
    scene.world.seal().await;
    assert!(scene.is_cosigned().await);
    assert!(scene.seals_cosigned().await);
    // An environment that doesn't know what the witness cosigned last is told by the witness.
    scene.world.restart("seal-audit").await;
    assert!(scene.seals_cosigned().await);
    assert_eq!(scene.complaints(), complaints);

    let mut inputs = scene.world.verifier_inputs();
    inputs.witnesses = vec![scene.key.clone()];
    scene.world.is_verified(&inputs).await;
}

#[tokio::test]
async fn a_witness_that_is_down_slow_or_answers_nonsense_does_not_stop_the_sealer() {
    let scene = Scene::new().await;
    scene.world.seal().await;
    let _witness = scene.start();
    assert!(scene.seals_cosigned().await);
    for fault in [
        Fault::Refused,
        Fault::AnswerLost,
        Fault::Silent,
        Fault::Answered(500, "An error."),
        Fault::Answered(403, ""),
        Fault::Answered(200, ""),
        Fault::Answered(200, "<html>Welcome</html>"),
        Fault::Answered(200, "\u{2014} witness.example.net AAAA\n"),
        Fault::Answered(409, ""),
        Fault::Answered(409, "many\n"),
        // Sizes that the log had, and that it never had.
        Fault::Answered(409, "0\n"),
        Fault::Answered(409, "3\n"),
        Fault::Answered(409, "1000000\n"),
        Fault::Answered(409, "18446744073709551615\n"),
    ] {
        let before = scene.complaints();
        scene.calls.fail_from(1, fault.clone());
        assert!(!scene.seals_cosigned().await, "{fault:?}");
        let complaints = scene.complaints();
        assert!(complaints > before, "{fault:?}");
        assert!(scene.calls.mend() > 0);
        scene.world.seal().await;
        assert!(scene.is_cosigned().await, "after {fault:?}");
        assert_eq!(scene.complaints(), complaints, "after {fault:?}");
    }
}

#[tokio::test]
async fn a_witness_that_lost_its_state_is_asked_from_the_size_that_it_names() {
    let scene = Scene::new().await;
    scene.world.seal().await;
    let witness = scene.start();
    assert!(scene.seals_cosigned().await);
    let early = std::fs::read(scene.state()).unwrap();
    assert!(scene.seals_cosigned().await);
    drop(witness);
    // It knows an earlier checkpoint.
    std::fs::write(scene.state(), early).unwrap();
    let witness = scene.start();
    assert!(scene.seals_cosigned().await);
    drop(witness);
    // It knows none.
    std::fs::remove_file(scene.state()).unwrap();
    let witness = scene.start();
    assert!(scene.seals_cosigned().await);
    assert_eq!(scene.complaints(), 1, "before the witness was started");
    drop(witness);
    // It knows another root for the last size, so it cosigns nothing more, and a person must look.
    let state = std::fs::read_to_string(scene.state()).unwrap();
    let mut state: Value = serde_json::from_str(&state).unwrap();
    for log in state.as_object_mut().unwrap().values_mut() {
        log["root"] = "07".repeat(32).into();
    }
    std::fs::write(scene.state(), state.to_string()).unwrap();
    let _witness = scene.start();
    assert!(!scene.seals_cosigned().await);
    assert!(scene.complaints() > 1);
}

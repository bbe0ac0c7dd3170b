//! A sealed audit log that each case tampers with: a database, a bucket and the logs of functions and gateway.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Weak};
use std::time::Duration;

use audit::{Entry, StoredRow};
use aws_credential_types::Credentials;
use aws_sdk_s3::config::{BehaviorVersion, Region};
use domain::time::TimeDelta;
use local_cloud::objects::{self, Objects};
use local_cloud::template::Bucket;
use tempfile::TempDir;
use tests::database::{Database, connect};
use tests::prelude::*;
use tests::world;
use tokio::sync::Mutex;
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;
use transparency_log::batch::Batch;
use transparency_log::checkpoint::Checkpoint;
use transparency_log::log::{CHECKPOINT, Log, checkpoint_key};
use transparency_log::note::{Algorithm, Note, VerifierKey};
use transparency_log::signer::{FileSigner, Signer as _};
use transparency_log::store::{Folder, ObjectStore, S3};
use verify::report::{Aspect, Report, Subject, Verdict};
use verify::{Inputs, Kept};

/// All four aspects.
pub const ALL: [Aspect; 4] = [
    Aspect::Integrity,
    Aspect::Authenticity,
    Aspect::Completeness,
    Aspect::Freshness,
];

const ORIGIN: &str = "example.org/caretrail/audit";
const SIX_YEARS: Duration = Duration::from_secs(6 * 366 * 24 * 3600);
const AUDITOR: &str = "test_auditor";
const PASSWORD: &str = "a-password-for-tests";

/// What was recorded and sealed once. Cases work on copies.
pub struct Scene {
    database: Database,
    folder: TempDir,
    bucket: Bucket,
    secret_key: String,
    /// The rows, chain by chain.
    pub rows: Vec<StoredRow>,
    /// The key of the log.
    pub key: VerifierKey,
    /// The horizon of each batch.
    pub horizons: Vec<u64>,
}

/// A copy of the scene that can be tampered with.
pub struct Case {
    pub scene: Arc<Scene>,
    pub client: Client,
    database: Database,
    folder: TempDir,
    _objects: Objects,
    pub store: Arc<S3>,
    client_of_store: aws_sdk_s3::Client,
    pub inputs: Inputs,
    /// Whether somebody wrote to the disk below the store, so that the auditor reads a copy of the bucket in a folder.
    is_written_below: AtomicBool,
}

static SCENE: LazyLock<Mutex<Weak<Scene>>> = LazyLock::new(Mutex::default);

/// A copy of the scene. The scene is made by the first case, and removed after the last.
pub async fn case() -> Case {
    let mut known = SCENE.lock().await;
    let scene = match known.upgrade() {
        Some(scene) => scene,
        None => {
            let scene = Arc::new(Scene::new().await);
            *known = Arc::downgrade(&scene);
            scene
        }
    };
    // One at a time, because a database that is copied can't have connections.
    Case::of(scene).await
}

impl Scene {
    async fn new() -> Self {
        let world = World::new().await;
        let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
        let bucket = world::template()
            .buckets
            .iter()
            .find(|bucket| bucket.variable == "AUDIT_BUCKET");
        let bucket = bucket.expect("the template has an audit bucket").clone();
        let credentials = world.cloud.credentials();

        ada.api_reads(3).await;
        ben.get(&format!("/v1/patients/{}", ada.id))
            .await
            .problem(404, "not-found");
        ada.get("/v1/me").await.expect(200);
        let health = world.anybody().get("/health").await;
        assert_eq!(health.status, 200);
        world
            .anybody()
            .get("/v1/me")
            .await
            .problem(401, "not-authenticated");
        world.seal().await;
        // Another environment, and so another chain.
        world.restart("get-patient").await;
        ada.api_reads(4).await;
        ada.get("/v1/me").await.expect(200);
        world
            .cloud
            .invoke("expire-idempotency-keys", &json!({}))
            .await
            .ok();
        world.seal().await;
        ada.api_reads(1).await;
        world.seal().await;
        // These aren't sealed: two of a known chain, and one of a new chain.
        ada.get("/v1/me").await.expect(200);
        ada.get("/v1/me").await.expect(200);
        world.restart("get-patient").await;
        ada.api_reads(1).await;

        let batches = world.batches().await;
        assert_eq!(batches.len(), 3);
        let key = FileSigner::open(&world.folder().join("audit-log-key")).unwrap();
        let mut rows = world.audit_log().await;
        rows.sort_by_key(|row| (row.position.chain_id, row.position.seq));
        auditor(&world).await;
        world.cloud.settled().await;
        let folder = TempDir::with_prefix("caretrail-scene-").unwrap();
        let database = Database::copy_of(world.database()).await;
        for part in ["s3", "log-groups", "audit-log-key"] {
            copy(&world.folder().join(part), &folder.path().join(part));
        }
        Self {
            database,
            folder,
            bucket,
            secret_key: credentials.secret_key.clone(),
            rows,
            key: VerifierKey::new(ORIGIN, Algorithm::Ed25519, key.public_key()).unwrap(),
            horizons: batches.iter().map(Batch::horizon).collect(),
        }
    }

    /// The chains, each with the positions of its rows.
    pub fn chains(&self) -> BTreeMap<Uuid, Vec<&StoredRow>> {
        let mut chains: BTreeMap<Uuid, Vec<&StoredRow>> = BTreeMap::new();
        for row in &self.rows {
            chains.entry(row.position.chain_id).or_default().push(row);
        }
        chains
    }

    /// Whether the row was sealed.
    pub fn is_sealed(&self, row: &StoredRow) -> bool {
        let horizon = self.horizons.last().copied().unwrap_or_default();
        row.xid.unsigned_abs() < horizon
    }

    /// The rows of a chain with at least four sealed rows and no other.
    pub fn sealed_chain(&self) -> Vec<&StoredRow> {
        let chain = self
            .chains()
            .into_values()
            .find(|rows| rows.len() >= 4 && rows.iter().all(|row| self.is_sealed(row)));
        chain.expect("a chain that is sealed to its end")
    }

    /// The sealed rows of a chain whose first row was sealed by this batch.
    pub fn sealed_chain_of(&self, batch: usize) -> Vec<&StoredRow> {
        let chains = self.chains().into_values();
        let mut chains = chains.filter(|rows| rows[0].xid.unsigned_abs() < self.horizons[batch]);
        chains.next().expect("a chain that began then")
    }

    /// The rows of a chain that has sealed rows and rows that aren't sealed.
    pub fn growing_chain(&self) -> Vec<&StoredRow> {
        let chain = self.chains().into_values().find(|rows| {
            rows.iter().any(|row| self.is_sealed(row))
                && rows.iter().any(|row| !self.is_sealed(row))
        });
        chain.expect("a chain that is partly sealed")
    }

    /// The row of a chain that isn't in the sealed log.
    pub fn new_row(&self) -> &StoredRow {
        let chain = self
            .chains()
            .into_values()
            .find(|rows| rows.iter().all(|row| !self.is_sealed(row)));
        chain.expect("a chain that isn't sealed")[0]
    }
}

impl Case {
    async fn of(scene: Arc<Scene>) -> Self {
        let folder = TempDir::with_prefix("caretrail-case-").unwrap();
        for part in ["s3", "log-groups"] {
            copy(&scene.folder.path().join(part), &folder.path().join(part));
        }
        let database = Database::copy_of(&scene.database.name).await;
        let client = connect(&database.superuser_url()).await;
        let credentials = objects::Credentials {
            access_key: "caretrail-local".into(),
            secret_key: scene.secret_key.clone(),
        };
        let buckets = std::slice::from_ref(&scene.bucket);
        let root = folder.path().join("s3");
        let objects = Objects::start(0, &root, buckets, &credentials, "*", |_| {});
        let objects = objects.await.unwrap();
        let store = Arc::new(s3(&objects, &scene.bucket, &scene.secret_key));
        let client_of_store = plain_client(&objects, &scene.secret_key);
        let inputs = Inputs {
            database: Some(
                local_cloud::postgres::with_login(&database.superuser_url(), AUDITOR, PASSWORD)
                    .unwrap(),
            ),
            archive: Some(store.clone()),
            key: Some(scene.key.clone()),
            function_log: vec![folder.path().join("log-groups/functions")],
            gateway_log: vec![folder.path().join("log-groups/access")],
            public_routes: vec!["GET /health".to_owned()],
            max_age: TimeDelta::days(1),
            ..Inputs::default()
        };
        Self {
            scene,
            client,
            database,
            folder,
            _objects: objects,
            store,
            client_of_store,
            inputs,
            is_written_below: AtomicBool::new(false),
        }
    }

    /// A copy of the scene with the logs of this case.
    pub async fn clone_logs(case: &Self) -> Self {
        let copy = self::case().await;
        let groups = copy.folder.path().join("log-groups");
        std::fs::remove_dir_all(&groups).unwrap();
        self::copy(&case.folder.path().join("log-groups"), &groups);
        copy
    }

    /// The key in the open line of a chain, as hexadecimal digits.
    pub fn announced_key(&self, chain_id: Uuid) -> String {
        let group = self.folder.path().join("log-groups/functions");
        announced_key(&group, chain_id).expect("the log has the open line")
    }

    /// Adds a line to the functions' log.
    pub fn add_function_line(&self, line: &Value) {
        self.add_line("functions", line);
    }

    /// Adds a line to the gateway's log.
    pub fn add_gateway_line(&self, line: &Value) {
        self.add_line("access", line);
    }

    fn add_line(&self, group: &str, line: &Value) {
        // The file of a minute after all others.
        let file = self
            .folder
            .path()
            .join("log-groups")
            .join(group)
            .join("99999999");
        let text = serde_json::to_string(&line.to_string()).unwrap();
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(file)
            .unwrap();
        writeln!(file, "1767776703250 a-stream {text}").unwrap();
    }

    /// Runs the verifier.
    pub async fn verify(&self) -> Report {
        let mut inputs = self.inputs.clone();
        if self.is_written_below.load(Ordering::Relaxed) {
            inputs.archive = Some(Arc::new(Folder::new(self.file(""))));
        }
        verify::verify(&inputs).await.unwrap()
    }

    /// Asserts that the verifier finds nothing and gives all verdicts.
    pub async fn is_intact(&self) {
        let report = self.verify().await;
        assert_eq!(report.exit_code(&ALL), 0, "{report}");
        assert_eq!(
            report.counts.rows as usize,
            self.scene.rows.len(),
            "{report}"
        );
    }

    /// Asserts that the verifier finds this aspect violated and names this subject. Returns the reasons.
    pub async fn is_violated(&self, aspect: Aspect, subject: &Subject) -> String {
        let report = self.verify().await;
        assert_eq!(report.exit_code(&[]), 1, "{report}");
        assert_eq!(report.verdict(aspect), Verdict::Violated, "{report}");
        let findings = &report.judgement(aspect).findings;
        let reasons = findings
            .iter()
            .filter(|finding| finding.subject == *subject)
            .map(|finding| finding.reason.as_str());
        let reasons: Vec<_> = reasons.collect();
        assert!(!reasons.is_empty(), "{subject} isn't named in\n{report}");
        reasons.join(" ")
    }

    /// Runs statements as a superuser whom no trigger stops.
    pub async fn as_superuser(&self, statements: &str) {
        let statements = format!("set session_replication_role = replica; {statements}");
        self.client
            .batch_execute(&statements)
            .await
            .unwrap_or_else(|error| panic!("{statements}: {error:?}"));
    }

    /// Changes what a row says, and computes its hash, the links and the hashes of all rows after it in its chain, as a
    /// superuser can. The signatures stay, because only the environment has its key.
    pub async fn rewrite(&self, first: &StoredRow, change: impl Fn(&mut Entry)) {
        let mut hash = None;
        for row in &self.scene.chains()[&first.position.chain_id] {
            if row.position.seq < first.position.seq {
                continue;
            }
            let (mut entry, mut position) = (row.entry.clone(), row.position);
            match hash {
                None => change(&mut entry),
                Some(hash) => position.prev_hash = hash,
            }
            let row_hash = entry.hash(&position).unwrap();
            let patient = entry.patient_id().map(Uuid::from);
            let statement = "update audit_logs set patient_id = $2, user_agent = $3, prev_hash = $4::bytea, row_hash = $5::bytea
                where id = $1";
            let id = Uuid::from(entry.id);
            let (before, now) = (&position.prev_hash[..], &row_hash[..]);
            self.as_superuser("").await;
            let parameters: [&(dyn ToSql + Sync); 5] =
                [&id, &patient, &entry.user_agent, &before, &now];
            let count = self.client.execute(statement, &parameters).await.unwrap();
            assert_eq!(count, 1);
            hash = Some(row_hash);
        }
    }

    /// The file of an object of the sealed log, for whoever owns the disk below the store.
    pub fn file(&self, key: &str) -> PathBuf {
        self.folder
            .path()
            .join("s3")
            .join(&self.scene.bucket.name)
            .join(key)
    }

    /// The URL of the case's database for a login.
    pub fn url_of(&self, login: &str) -> String {
        self.database.url_of(login)
    }

    /// The file with the key of the log.
    pub fn signing_key(&self) -> PathBuf {
        self.scene.folder.path().join("audit-log-key")
    }

    /// The log in the case's bucket, with its key, as whoever owns the disk below the store writes it.
    pub fn log(&self) -> Log {
        self.log_in(Arc::new(Folder::new(self.file(""))))
    }

    /// The log in the case's bucket, with its key, as a sealer writes it.
    pub fn log_in_s3(&self) -> Log {
        self.log_in(self.store.clone())
    }

    fn log_in(&self, store: Arc<dyn ObjectStore>) -> Log {
        let key = FileSigner::open(&self.signing_key()).unwrap();
        Log::new(store, Arc::new(key), self.scene.key.name(), SIX_YEARS).unwrap()
    }

    /// Deletes an object as a client of the store: a marker hides its versions.
    pub async fn delete(&self, key: &str) {
        let delete = self.client_of_store.delete_object();
        let delete = delete.bucket(&self.scene.bucket.name).key(key);
        delete.send().await.unwrap();
    }

    /// Replaces the content of an object below the store.
    pub fn overwrite(&self, key: &str, bytes: &[u8]) {
        self.is_written_below.store(true, Ordering::Relaxed);
        std::fs::write(self.file(key), bytes).unwrap();
    }

    /// Keeps the checkpoint after a batch, as an auditor does.
    pub async fn keep(&mut self, batch: u64) {
        let object = self
            .store
            .get(&checkpoint_key(batch))
            .await
            .unwrap()
            .unwrap();
        let note = Note::parse(&object.bytes).unwrap();
        self.inputs.kept.push(Kept {
            name: format!("kept-{batch}"),
            checkpoint: Checkpoint::parse(note.text()).unwrap(),
            note,
        });
    }

    /// The newest checkpoint's note.
    pub async fn newest(&self) -> Note {
        let object = self.store.get(CHECKPOINT).await.unwrap().unwrap();
        Note::parse(&object.bytes).unwrap()
    }
}

/// The key in the open line of a chain, as hexadecimal digits, if a file of this log group has the line.
pub fn announced_key(group: &Path, chain_id: Uuid) -> Option<String> {
    let files = std::fs::read_dir(group).unwrap();
    let text: String = files
        .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    text.lines().find_map(|line| {
        let message: String = serde_json::from_str(line.splitn(3, ' ').nth(2)?).ok()?;
        let line: Value = serde_json::from_str(&message).ok()?;
        let is_it =
            line["message"] == audit::lines::OPENED && line["chain_id"] == chain_id.to_string();
        line["public_key"]
            .as_str()
            .filter(|_| is_it)
            .map(str::to_owned)
    })
}

/// The row as a finding names it.
pub fn row(row: &StoredRow) -> Subject {
    Subject::Row {
        id: Some(row.entry.id.into()),
        chain_id: row.position.chain_id,
        seq: row.position.seq,
    }
}

/// The position of a row that is missing, as a finding names it.
pub fn place(row: &StoredRow) -> Subject {
    Subject::Row {
        id: None,
        chain_id: row.position.chain_id,
        seq: row.position.seq,
    }
}

/// A condition that selects this row.
pub fn is_row(row: &StoredRow) -> String {
    format!("id = '{}'", Uuid::from(row.entry.id))
}

trait Reads {
    async fn api_reads(&self, count: usize);
}

impl Reads for Patient {
    async fn api_reads(&self, count: usize) {
        for _ in 0..count {
            self.get(&format!("/v1/patients/{}", self.id))
                .await
                .expect(200);
        }
    }
}

/// Lets an auditor log in.
async fn auditor(world: &World) {
    let made = "do $$ begin
        create role test_auditor login password 'a-password-for-tests';
      exception when duplicate_object or unique_violation then null;
      end $$";
    world.sql(made, &[]).await;
    world
        .sql("grant caretrail_auditor to test_auditor", &[])
        .await;
}

fn s3(objects: &Objects, bucket: &Bucket, secret_key: &str) -> S3 {
    let credentials = Credentials::from_keys("caretrail-local", secret_key, None);
    S3::new(
        bucket.name.clone(),
        String::new(),
        "us-east-1".to_owned(),
        Some(objects.url()),
        credentials,
        true,
    )
}

/// A client that can do what the sealer never does.
fn plain_client(objects: &Objects, secret_key: &str) -> aws_sdk_s3::Client {
    let settings = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::from_keys("caretrail-local", secret_key, None))
        .endpoint_url(objects.url())
        .force_path_style(true)
        .http_client(aws_smithy_http_client::Builder::new().build_http());
    aws_sdk_s3::Client::from_conf(settings.build())
}

/// Copies a folder, with the links between its files.
fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(done.unwrap().success(), "{} wasn't copied", from.display());
}

//! The sealed audit log of a world: its sealer, its objects and its leaves.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use aws_credential_types::Credentials;
use aws_sdk_s3::Config;
use aws_sdk_s3::config::{BehaviorVersion, Region};
use aws_smithy_http_client::Builder;
use local_cloud::cloud::{AUDIT_BUCKET, CHECKPOINTS};
use local_cloud::verification;
use serde_json::{Value, json};
use transparency_log::batch::Batch;
use transparency_log::leaf::{Leaf, Quarantine, Reconciliation, Row};
use transparency_log::log::read_batch;
use transparency_log::note::{Algorithm, VerifierKey};
use transparency_log::signer::{FileSigner, Signer as _};
use transparency_log::store::S3;
use verify::Inputs;
use verify::report::{Aspect, Report};

use crate::world::{PATIENCE_WITH_OTHERS, World, within};

/// The alarms of the sealer.
pub const QUARANTINED: &str = "an audit row is in quarantine";
/// See [`QUARANTINED`].
pub const TAMPERED: &str = "the sealed audit log was tampered with";
/// See [`QUARANTINED`].
pub const LACKING: &str = "the database lacks rows that are sealed";
/// See [`QUARANTINED`].
pub const MISSING: &str = "requests have no audit row";

/// See [`QUARANTINED`].
pub const DISPUTED: &str = "an audit chain was announced with several keys";
/// See [`QUARANTINED`].
pub const NOT_COSIGNED: &str = "the witness did not cosign the checkpoint";
/// See [`QUARANTINED`].
pub const NOT_SENT: &str = "the daily checkpoint was not sent";

/// The tables that can be made again from the batches.
const TABLES: [&str; 6] = [
    "audit_reconciliations",
    "audit_incarnations",
    "audit_quarantine",
    "audit_sealed_runs",
    "audit_chains",
    "audit_seals",
];

impl World {
    /// Runs the sealer once, when no transaction of another test holds back the rows that there are. Returns its report.
    pub async fn seal(&self) -> Value {
        self.outlast_transactions().await;
        self.try_seal().await.expect("the audit log is sealed")
    }

    /// Waits until the transactions that run now are over, also those of other tests. Rows that are committed by now are
    /// then before the horizon.
    pub async fn outlast_transactions(&self) {
        let end = "select pg_snapshot_xmax(pg_current_snapshot())::text as xid";
        let end = self.row(end, &[]).await["xid"].clone();
        let begun = "select pg_snapshot_xmin(pg_current_snapshot()) >= $1::text::xid8 as are_over";
        let what = "the transactions before this one are over";
        within(PATIENCE_WITH_OTHERS, what, async || {
            self.row(begun, &[&end.as_str()]).await["are_over"] == true
        })
        .await;
    }

    /// Runs the sealer once. Returns its report, or why it failed.
    pub async fn try_seal(&self) -> Result<Value, String> {
        let schedule = json!({"source": "aws.scheduler", "detail-type": "Scheduled Event"});
        let done = self.cloud.invoke("seal-audit", &schedule).await;
        done.map_err(|error| format!("{error:#}"))
    }

    /// The objects of the log.
    pub fn log_store(&self) -> S3 {
        let credentials = self.cloud.credentials();
        let (access, secret) = (&credentials.access_key, &credentials.secret_key);
        S3::new(
            AUDIT_BUCKET.to_owned(),
            String::new(),
            "us-east-1".to_owned(),
            Some(self.cloud.objects().url()),
            Credentials::new(access, secret, None, None, "test"),
            true,
        )
    }

    /// The key that verifies the log's checkpoints.
    pub fn log_key(&self) -> VerifierKey {
        let key = FileSigner::open(&self.folder().join("audit-log-key")).unwrap();
        let origin = &self.cloud.environment()["AUDIT_LOG_ORIGIN"];
        VerifierKey::new(origin, Algorithm::Ed25519, key.public_key()).unwrap()
    }

    /// All batches, in their order.
    pub async fn batches(&self) -> Vec<Batch> {
        let store = self.log_store();
        let mut batches = Vec::new();
        while let Some(batch) = read_batch(&store, batches.len() as u64).await.unwrap() {
            batches.push(batch);
        }
        batches
    }

    /// All leaves with their index, in their order.
    pub async fn leaves(&self) -> Vec<(u64, Leaf)> {
        let batches = self.batches().await;
        batches.iter().flat_map(Batch::leaves).collect()
    }

    /// All sealed rows, in their order.
    pub async fn sealed_rows(&self) -> Vec<Row> {
        let leaves = self.leaves().await.into_iter();
        let rows = leaves.filter_map(|(_, leaf)| match leaf {
            Leaf::Row(row) => Some(row),
            _ => None,
        });
        rows.collect()
    }

    /// All rows and places in quarantine, in their order.
    pub async fn quarantine(&self) -> Vec<Quarantine> {
        let leaves = self.leaves().await.into_iter();
        let places = leaves.filter_map(|(_, leaf)| match leaf {
            Leaf::Quarantine(place) => Some(place),
            _ => None,
        });
        places.collect()
    }

    /// All reconciliations, in their order.
    pub async fn reconciliations(&self) -> Vec<Reconciliation> {
        let leaves = self.leaves().await.into_iter();
        let minutes = leaves.filter_map(|(_, leaf)| match leaf {
            Leaf::Reconciliation(minute) => Some(minute),
            _ => None,
        });
        minutes.collect()
    }

    /// What the tables of the sealer contain that can be made again from the batches.
    pub async fn sealer_tables(&self) -> BTreeMap<&'static str, Vec<Value>> {
        let mut tables = BTreeMap::new();
        for table in TABLES {
            let rows = format!("select * from {table} q order by to_jsonb(q)::text");
            tables.insert(table, self.rows(&rows, &[]).await);
        }
        tables
    }

    /// Empties the tables of the sealer.
    pub async fn empty_sealer_tables(&self) {
        for table in TABLES {
            self.sql(&format!("delete from {table}"), &[]).await;
        }
    }

    /// How many lines of the sealer have this message.
    pub fn sealer_lines(&self, message: &str) -> usize {
        let lines = self.cloud.logs("seal-audit").lines();
        lines
            .iter()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(|line| line["message"] == message)
            .count()
    }

    /// Keeps a copy of the sealer's tables.
    pub async fn keep_sealer_tables(&self) {
        for table in TABLES {
            self.sql(
                &format!("create table kept_{table} as select * from {table}"),
                &[],
            )
            .await;
        }
    }

    /// Puts the copy in the place of the sealer's tables.
    pub async fn restore_sealer_tables(&self) {
        self.empty_sealer_tables().await;
        for table in TABLES.iter().rev() {
            self.sql(
                &format!("insert into {table} select * from kept_{table}"),
                &[],
            )
            .await;
        }
    }

    /// Hides an object of the log behind a delete marker.
    pub async fn hide_object(&self, key: &str) {
        let credentials = self.cloud.credentials();
        let (access, secret) = (&credentials.access_key, &credentials.secret_key);
        let settings = Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(Credentials::new(access, secret, None, None, "test"))
            .endpoint_url(self.cloud.objects().url())
            .force_path_style(true)
            .http_client(Builder::new().build_http());
        let client = aws_sdk_s3::Client::from_conf(settings.build());
        let hidden = client.delete_object().bucket(AUDIT_BUCKET).key(key).send();
        hidden.await.expect("the object gets a delete marker");
    }

    /// The e-mails with daily checkpoints, oldest first.
    pub fn checkpoint_mails(&self) -> Vec<PathBuf> {
        let mut mails = files_of(&self.folder().join("topics").join(CHECKPOINTS));
        mails.sort();
        mails
    }

    /// What the verifier is given of this world.
    pub fn verifier_inputs(&self) -> Inputs {
        let s3 = self.cloud.objects().url();
        let environment = self.cloud.environment();
        let inputs = verification::inputs(self.folder(), environment, &s3, &self.superuser_url());
        inputs.expect("the audit log was sealed")
    }

    /// Asserts that the verifier finds nothing wrong in this world and gives all verdicts.
    pub async fn is_verified(&self, inputs: &Inputs) {
        self.cloud.settled().await;
        let report: Report = verify::verify(inputs)
            .await
            .expect("everything can be read");
        assert_eq!(report.exit_code(&Aspect::ALL), 0, "{report}");
    }

    /// Adds a line to the log of the functions, in this stream.
    pub fn add_function_line(&self, stream: &str, line: &Value) {
        let now = chrono::Utc::now().timestamp_millis();
        let file = self.log_group("functions").join((now / 60_000).to_string());
        let text = Value::from(line.to_string());
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(file)
            .unwrap();
        writeln!(file, "{now} {stream} {text}").unwrap();
    }

    fn log_group(&self, group: &str) -> PathBuf {
        self.folder().join("log-groups").join(group)
    }

    /// Makes the log of the functions as if its lines so far had not arrived yet.
    pub fn hide_function_log(&self) {
        for file in files_of(&self.log_group("functions")) {
            fs::rename(&file, file.with_extension("hidden")).unwrap();
        }
    }

    /// Lets the hidden lines arrive.
    pub fn show_function_log(&self) {
        for file in files_of(&self.log_group("functions")) {
            let shown = file.with_extension("");
            if file.extension().is_some() {
                let lines = fs::read(&file).unwrap();
                let later = fs::read(&shown).unwrap_or_default();
                fs::write(&shown, [lines, later].concat()).unwrap();
                fs::remove_file(&file).unwrap();
            }
        }
    }

    /// The number of lines in the access log.
    pub fn requests_logged(&self) -> usize {
        let files = files_of(&self.log_group("access"));
        let lines = files.iter().map(|file| fs::read_to_string(file).unwrap());
        lines.map(|text| text.lines().count()).sum()
    }

    /// Makes all lines of both log groups look as if they were written this many minutes earlier.
    pub fn move_logs_back(&self, minutes: i64) {
        let earlier = minutes * 60_000;
        for group in ["functions", "access"] {
            let folder = self.log_group(group);
            for file in files_of(&folder) {
                let text = fs::read_to_string(&file).unwrap();
                let mut moved = String::new();
                for line in text.lines() {
                    let (time, rest) = line.split_once(' ').unwrap();
                    let (stream, message) = rest.split_once(' ').unwrap();
                    let time = time.parse::<i64>().unwrap() - earlier;
                    let mut message: String = serde_json::from_str(message).unwrap();
                    if let Ok(mut fields) = serde_json::from_str::<Value>(&message)
                        && let Some(received) = fields["time_epoch"].as_str()
                    {
                        let received = received.parse::<i64>().unwrap() - earlier;
                        fields["time_epoch"] = received.to_string().into();
                        message = fields.to_string();
                    }
                    let message = Value::from(message);
                    moved.push_str(&format!("{time} {stream} {message}\n"));
                }
                let minute: i64 = file.file_name().unwrap().to_str().unwrap().parse().unwrap();
                fs::write(folder.join((minute - minutes).to_string()), moved).unwrap();
                fs::rename(&file, file.with_extension("moved")).unwrap();
            }
        }
    }
}

/// The files of a log group that are shown or hidden.
fn files_of(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .filter(|path| {
            path.extension()
                .is_none_or(|extension| extension == "hidden" || extension == "eml")
        })
        .collect()
}

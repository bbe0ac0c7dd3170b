//! The command `caretrail-verify`.
#![expect(clippy::print_stdout, reason = "a command prints its result")]

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, ensure};
use aws_credential_types::Credentials;
use clap::{Args, Parser, Subcommand};
use domain::time::{TimeDelta, Timestamp};
use transparency_log::note::VerifierKey;
use transparency_log::signer::FileSigner;
use transparency_log::store::{Folder, ObjectStore, S3};
use uuid::Uuid;
use verify::report::Aspect;
use verify::witness::{self, Witness};
use verify::{Inputs, Kept, audit_events};

/// Verifies Caretrail's audit log from outside. Exits with 1 if something is violated, with 2 if a required verdict can't
/// be given, and otherwise with 0.
#[derive(Parser)]
#[command(
    name = "caretrail-verify",
    version,
    args_conflicts_with_subcommands = true
)]
struct Command {
    #[command(subcommand)]
    command: Option<Other>,
    #[command(flatten)]
    verify: Verify,
}

#[derive(Subcommand)]
enum Other {
    /// Serves the witness protocol: cosigns checkpoints of logs that only grow.
    Witness(Serve),
}

#[derive(Args)]
struct Verify {
    /// URL of the database. The role `caretrail_auditor` is enough.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database: Option<String>,
    /// PEM file with root certificates for the database, besides the public ones.
    #[arg(long, env = "DATABASE_CA_FILE")]
    ca_file: Option<String>,
    /// Folder with a copy of the bucket of the sealed log.
    #[arg(long, conflicts_with = "bucket")]
    archive: Option<PathBuf>,
    /// Bucket of the sealed log. The credentials come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
    /// AWS_SESSION_TOKEN.
    #[arg(long)]
    bucket: Option<String>,
    /// What begins each key in the bucket.
    #[arg(long, default_value = "")]
    prefix: String,
    /// Region of the bucket.
    #[arg(long, env = "AWS_REGION", default_value = "us-east-1")]
    region: String,
    /// URL of another S3 service than Amazon's.
    #[arg(long, env = "AWS_ENDPOINT_URL_S3")]
    endpoint: Option<String>,
    /// Verifier key of the log: NAME+ID+BASE64.
    #[arg(long, value_name = "VKEY")]
    key: Option<VerifierKey>,
    /// Verifier key of a witness. Can be repeated.
    #[arg(long, value_name = "VKEY")]
    witness: Vec<VerifierKey>,
    /// Ed25519 public key, in hexadecimal digits, of an operator who may state that a database was restored. Can be
    /// repeated.
    #[arg(long, value_name = "HEX")]
    operator: Vec<String>,
    /// File with a checkpoint that you kept. Can be repeated.
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    /// File or folder with the log of the functions. Can be repeated.
    #[arg(long, value_name = "PATH")]
    function_log: Vec<PathBuf>,
    /// File or folder with the access log of the gateway. Can be repeated.
    #[arg(long, value_name = "PATH")]
    gateway_log: Vec<PathBuf>,
    /// Routes that need no caller and have no audit row, such as "GET /health", separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "ROUTES")]
    public_routes: Vec<String>,
    /// The functions' log has all lines up to this time (RFC 3339), or up to now. Without it, up to its last line.
    #[arg(long, value_name = "TIME")]
    logs_until: Option<String>,
    /// How many minutes old an unsealed row and the newest batch may be.
    #[arg(long, default_value_t = 10, value_name = "MINUTES")]
    max_age: u32,
    /// Verdicts that must be given, separated by commas: integrity, authenticity, completeness, freshness.
    #[arg(long, value_delimiter = ',')]
    require: Vec<Aspect>,
    /// Prints the report as JSON.
    #[arg(long)]
    json: bool,
    /// Prints the proof that the row with this id is in the sealed log, and verifies nothing else.
    #[arg(long, value_name = "ID")]
    row: Option<Uuid>,
    /// Writes the rows from --from until before --to to this file, as FHIR AuditEvents in NDJSON, and verifies nothing
    /// else.
    #[arg(long, value_name = "FILE", requires_all = ["from", "to"])]
    audit_events: Option<PathBuf>,
    /// Begin of the rows that are exported (RFC 3339).
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// End of the rows that are exported (RFC 3339).
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
}

#[derive(Args)]
struct Serve {
    /// Address to serve on.
    #[arg(long, default_value = "127.0.0.1:7380")]
    listen: SocketAddr,
    /// Name of the witness, such as `witness.example.org`.
    #[arg(long)]
    name: String,
    /// File with the witness's key: Ed25519, PKCS#8 in DER. It is made if it doesn't exist.
    #[arg(long)]
    key_file: PathBuf,
    /// File that keeps which checkpoint was cosigned last.
    #[arg(long)]
    state: PathBuf,
    /// Verifier key of a log whose checkpoints are cosigned. Can be repeated.
    #[arg(long, required = true, value_name = "VKEY")]
    log: Vec<VerifierKey>,
}

// Rows are read and hashed on one thread: to hand each of them to another thread takes as long as to hash it.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let command = Command::parse();
    let done = match command.command {
        Some(Other::Witness(serve)) => serve.run().await.map(|()| 0),
        None => command.verify.run().await,
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("caretrail-verify: {error:#}");
            // Nothing was found wrong, and nothing can be said.
            ExitCode::from(2)
        }
    }
}

impl Verify {
    async fn run(self) -> Result<u8> {
        let inputs = self.inputs()?;
        if let Some(id) = self.row {
            let proof = verify::prove(&inputs, id).await;
            print!("{}", proof.map_err(|failure| anyhow!(failure))?);
            return Ok(0);
        }
        if let Some(path) = &self.audit_events {
            let from = time(self.from.as_deref().unwrap_or_default())?;
            let until = time(self.to.as_deref().unwrap_or_default())?;
            let file = File::create(path).with_context(|| path.display().to_string())?;
            let mut file = BufWriter::new(file);
            let count = audit_events::export(&inputs, from, until, &mut file).await;
            let count = count.map_err(|failure| anyhow!(failure))?;
            eprintln!("{count} events are in {}.", path.display());
            return Ok(0);
        }
        ensure!(
            inputs.database.is_some() || inputs.archive.is_some(),
            "Nothing was given. Pass --database, --archive or --bucket."
        );
        let report = verify::verify(&inputs).await;
        let report = report.map_err(|failure| anyhow!(failure))?;
        match self.json {
            true => println!("{}", serde_json::to_string_pretty(&report)?),
            false => print!("{report}"),
        }
        io::stdout().flush()?;
        Ok(report.exit_code(&self.require))
    }

    fn inputs(&self) -> Result<Inputs> {
        let kept = self.checkpoint.iter().map(|path| {
            let kept = Kept::open(path).map_err(|failure| anyhow!(failure));
            kept.with_context(|| path.display().to_string())
        });
        let operators = self.operator.iter().map(|key| {
            let bytes = hex::decode(key).ok().and_then(|key| key.try_into().ok());
            bytes.with_context(|| format!("--operator {key} isn't 64 hexadecimal digits"))
        });
        let logs_until = match self.logs_until.as_deref() {
            Some("now") => Some(Timestamp::now()),
            Some(text) => Some(time(text)?),
            None => None,
        };
        Ok(Inputs {
            database: self.database.clone(),
            ca_file: self.ca_file.clone(),
            archive: self.archive()?,
            key: self.key.clone(),
            witnesses: self.witness.clone(),
            operators: operators.collect::<Result<_>>()?,
            kept: kept.collect::<Result<_>>()?,
            function_log: self.function_log.clone(),
            gateway_log: self.gateway_log.clone(),
            public_routes: self.public_routes.clone(),
            logs_until,
            max_age: TimeDelta::minutes(self.max_age.into()),
        })
    }

    fn archive(&self) -> Result<Option<Arc<dyn ObjectStore>>> {
        if let Some(folder) = &self.archive {
            ensure!(folder.is_dir(), "{} is no folder", folder.display());
            return Ok(Some(Arc::new(Folder::new(folder))));
        }
        let Some(bucket) = &self.bucket else {
            return Ok(None);
        };
        let variable = |name: &str| std::env::var(name);
        let credentials = Credentials::from_keys(
            variable("AWS_ACCESS_KEY_ID").context("AWS_ACCESS_KEY_ID")?,
            variable("AWS_SECRET_ACCESS_KEY").context("AWS_SECRET_ACCESS_KEY")?,
            variable("AWS_SESSION_TOKEN").ok(),
        );
        Ok(Some(Arc::new(S3::new(
            bucket.clone(),
            self.prefix.clone(),
            self.region.clone(),
            self.endpoint.clone(),
            credentials,
            false,
        ))))
    }
}

impl Serve {
    async fn run(self) -> Result<()> {
        let key =
            FileSigner::open_or_generate(&self.key_file).map_err(|failure| anyhow!(failure))?;
        let witness = Witness::open(&self.name, Box::new(key), self.log, self.state)
            .map_err(|failure| anyhow!(failure))?;
        let listener = witness::listen(self.listen).await?;
        let vkey = witness.key().map_err(|failure| anyhow!(failure))?;
        println!(
            "The witness {vkey} serves on http://{}",
            listener.local_addr()?
        );
        Ok(Arc::new(witness).serve(listener).await?)
    }
}

fn time(text: &str) -> Result<Timestamp> {
    let time = text.parse::<Timestamp>();
    time.map_err(|_| anyhow!("{text:?} isn't an RFC 3339 time"))
}

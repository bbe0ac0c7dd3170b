//! Measures the sealer: how many rows it seals in a second, what they take in S3, and how long a read takes while it
//! seals. The reference is the same read while the sealer stands still: its process is stopped and continued in turns.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use audit::lines::OPENED;
use domain::time::Timestamp;
use futures_util::{SinkExt as _, pin_mut};
use local_cloud::verification;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use uuid::Uuid;
use verify::report::Aspect;

use crate::figures::{Ratio, middle};
use crate::site::{Clinic, Databases, Setup, Site, Size};
use crate::soak::children;
use crate::verification::{CHAIN, Linked, chain, line};

/// Patients to read. All rows of the audit log are written by [`fill`].
const SIZE: Size = Size {
    patients: 20,
    audit_rows: 0,
};

/// The reads of one turn. The first of them isn't counted, because the turn before still has an effect on it.
const TURN: usize = 20;

/// The fewest pairs of reads without which a ratio says nothing.
const FEWEST_PAIRS: usize = 100;

const SEALED: &str =
    "select coalesce(sum(last_seq - first_seq + 1), 0)::bigint from audit_sealed_runs";

/// Measures. Errors: something can't be started, or the sealed log isn't intact.
pub async fn measure(binaries: &Path, rows: u64) -> Result<()> {
    let databases = Databases::start(Setup {
        // Reading a batch is one statement, which may take ten seconds, and the process that reads it is stopped half of
        // the time.
        environment: vec![("AUDIT_ROWS_PER_BATCH", "10000".to_owned())],
        ..Setup::default()
    })
    .await?;
    let site = Arc::new(Site::open(&databases, "seal", SIZE, binaries, 1).await?);
    let began = Instant::now();
    fill(&site, rows).await?;
    println!(
        "{rows} rows were written in {:.0} s",
        began.elapsed().as_secs_f64()
    );
    let provider = site.caller("provider user 1").await?;
    let path = format!("/v1/patients/{}", site.clinic.id("patient 1").await?);
    let read = async || {
        let began = Instant::now();
        let response = provider.send("GET".parse()?, &path, None).await?;
        ensure!(
            response.status() == 200,
            "a read answered {}",
            response.status()
        );
        Ok(began.elapsed())
    };
    for _ in 0..TURN {
        read().await?;
    }

    let (mut pairs, mut active) = (Vec::new(), Duration::ZERO);
    let mut sealing = seal(&site);
    while sealed(&site.clinic).await? < rows {
        if sealing.is_finished() {
            sealing.await??;
            sealing = seal(&site);
        }
        let (mut without, mut with) = (Vec::new(), Vec::new());
        for is_running in [false, true] {
            signal(if is_running { "CONT" } else { "STOP" })?;
            let began = Instant::now();
            for number in 0..TURN {
                let time = read().await?;
                match is_running {
                    _ if number == 0 => {}
                    true => with.push(time),
                    false => without.push(time),
                }
            }
            if is_running {
                active += began.elapsed();
            }
        }
        // A run that ended or has not begun yet is no comparison.
        if !sealing.is_finished() {
            pairs.extend(without.into_iter().zip(with));
        }
    }
    signal("CONT")?;
    sealing.await??;
    report(&site, rows, active, &pairs)?;
    // The rows of the reads are sealed, too. Otherwise the verifier says that they are late.
    let mut before = 0;
    loop {
        let now = sealed(&site.clinic).await?;
        if now == before {
            break;
        }
        before = now;
        seal(&site).await??;
    }
    verify_all(&databases, &site).await
}

/// Runs the sealer once.
fn seal(site: &Arc<Site>) -> JoinHandle<Result<Value>> {
    let site = site.clone();
    tokio::spawn(async move { site.cloud.invoke("seal-audit", &json!({})).await })
}

async fn sealed(clinic: &Clinic) -> Result<u64> {
    let row = clinic.client.query_one(SEALED, &[]).await?;
    Ok(row.get::<_, i64>(0).unsigned_abs())
}

/// Stops or continues the process of the sealer, and gives it the lowest priority: in the cloud it has a processor of its
/// own, and only PostgreSQL works for both.
fn signal(name: &str) -> Result<()> {
    for (process, _) in children()?.iter().filter(|(_, name)| name == "seal-audit") {
        let process = process.to_string();
        Command::new("kill").args(["-s", name, &process]).status()?;
        let mut renice = Command::new("renice");
        renice.args(["-n", "19", "-p", &process]).output()?;
    }
    Ok(())
}

/// Writes honestly signed rows, and the open lines of their chains.
async fn fill(site: &Site, rows: u64) -> Result<()> {
    let client = &site.clinic.client;
    client
        .batch_execute("set session_replication_role = replica; set synchronous_commit = off")
        .await?;
    let (user, patient) = (
        site.clinic.id("provider user 1").await?,
        site.clinic.id("patient 1").await?,
    );
    let group = site.data.join("log-groups/functions");
    // The last chain is whole, too.
    for _ in 0..rows.div_ceil(CHAIN) {
        let (public_key, links) = chain(user, patient)?;
        announce(&group, links[0].position.chain_id, public_key)?;
        client.batch_execute("begin").await?;
        let xid = client
            .query_one("select pg_current_xact_id()::text", &[])
            .await?;
        let xid: String = xid.get(0);
        let text: String = links.iter().map(|link: &Linked| line(link, &xid)).collect();
        let copy = client.copy_in("copy audit_logs from stdin").await?;
        pin_mut!(copy);
        copy.send(bytes::Bytes::from(text)).await?;
        copy.finish().await?;
        client.batch_execute("commit").await?;
    }
    client.batch_execute("vacuum analyze audit_logs").await?;
    Ok(())
}

/// Writes an open line as a function does.
fn announce(group: &Path, chain_id: Uuid, public_key: [u8; 32]) -> Result<()> {
    let now = Timestamp::now().microseconds() / 1000;
    let opened = json!({
        "message": OPENED,
        "chain_id": chain_id,
        "public_key": hex::encode(public_key),
        "function": "get-patient",
        "version": "0.1.0",
    });
    let text = Value::from(opened.to_string());
    let file = group.join((now / 60_000).to_string());
    let mut file = File::options().create(true).append(true).open(file)?;
    writeln!(file, "{now} 2030/01/01/get-patient[$LATEST]0a1b {text}")?;
    Ok(())
}

fn report(site: &Site, rows: u64, active: Duration, pairs: &[(Duration, Duration)]) -> Result<()> {
    let bytes = size(&site.data.join("s3").join(local_cloud::cloud::AUDIT_BUCKET))?;
    println!(
        "| rows | rows/s | bytes a row in S3 | reads | without, ms | with, ms | ratio (ten blocks) | p95 without, ms | p95 with, ms | ratio |"
    );
    println!("|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    ensure!(
        pairs.len() >= FEWEST_PAIRS,
        "the rows are too few to measure a read"
    );
    let (without, with): (Vec<_>, Vec<_>) = pairs.iter().copied().unzip();
    let (slow, slow_with) = (p95(without), p95(with));
    println!(
        "| {rows} | {:.0} | {:.0} | {} | {} | {slow:.2} | {slow_with:.2} | {:.2} |",
        rows as f64 / active.as_secs_f64(),
        bytes as f64 / rows as f64,
        pairs.len(),
        Ratio::of(pairs),
        slow_with / slow,
    );
    Ok(())
}

/// The 95th percentile in milliseconds: the median of the slowest tenth.
fn p95(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    let slowest = times.split_off(times.len() * 9 / 10);
    middle(
        slowest
            .iter()
            .map(|time| time.as_secs_f64() * 1000.0)
            .collect(),
    )
}

/// The bytes of all files in a folder.
fn size(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        bytes += match entry.file_type()?.is_dir() {
            true => size(&entry.path())?,
            false => entry.metadata()?.len(),
        };
    }
    Ok(bytes)
}

/// Verifies the rows and the log. Errors: one is not intact.
async fn verify_all(databases: &Databases, site: &Site) -> Result<()> {
    let (s3, database) = (site.cloud.objects().url(), databases.superuser_url("seal"));
    let inputs = verification::inputs(&site.data, site.cloud.environment(), &s3, &database)?;
    let report = verify::verify(&inputs)
        .await
        .map_err(|error| anyhow!(error))?;
    print!("{report}");
    ensure!(
        report.exit_code(&[Aspect::Integrity, Aspect::Authenticity]) == 0,
        "not every verdict is intact"
    );
    Ok(())
}

//! Measures how fast the verifier reads rows: their hashes, links and heads, compared with the sealed log. The
//! reference is a plain SHA-256 over the same bytes as PostgreSQL sends them. Both are measured in CPU time, because other
//! programs may run on the same processor.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use audit::{Action, Entry, Outcome, Position, Relation, ResourceType, stored_row_columns};
use aws_lc_rs::digest::{Context, SHA256};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use domain::ids::{AuditLogId, PatientId, UserId};
use domain::time::{TimeDelta, Timestamp};
use futures_util::{SinkExt as _, TryStreamExt as _, pin_mut};
use tokio_postgres::Client;
use transparency_log::leaf::{Chain, Heads, Label, Leaf, Month, Row};
use transparency_log::log::Log;
use transparency_log::signer::FileSigner;
use transparency_log::store::Folder;
use uuid::Uuid;
use verify::Inputs;
use verify::report::Report;

use crate::site::{Clinic, Databases, Setup, Size};
use crate::throughput::processor_time;

/// How many rows a chain has.
pub const CHAIN: u64 = 1000;

/// How many chains are sealed in a batch.
const BATCH: u64 = 50;

/// How often the reference hashes the bytes, because the kernel counts CPU time in steps of 10 ms.
const REPEATED: u32 = 10;

pub async fn measure(rows: u64, rounds: usize) -> Result<()> {
    let databases = Databases::start(Setup::default()).await?;
    let clinic = Clinic::open(&databases, "bench", Size::SMALL).await?;
    let folder = tempfile::tempdir()?;
    let log = sealed(&clinic, rows, folder.path()).await?;
    let inputs = Inputs {
        database: Some(databases.superuser_url("bench")),
        archive: Some(Arc::new(Folder::new(folder.path()))),
        key: Some(log.key().clone()),
        max_age: TimeDelta::days(1),
        ..Inputs::default()
    };
    let bytes = all_rows(&clinic.client).await?;
    println!("| rows/s | rows/s and core | SHA-256 of the same bytes, rows/s and core | ratio |");
    println!("|---:|---:|---:|---:|");
    for _ in 0..rounds {
        let (began, cpu) = (Instant::now(), own_time()?);
        let report = verified(inputs.clone())?;
        let (took, cpu) = (began.elapsed(), own_time()? - cpu);
        ensure!(
            report.exit_code(&[]) == 0,
            "the rows are intact, but:\n{report}"
        );
        let before = own_time()?;
        for _ in 0..REPEATED {
            let mut context = Context::new(&SHA256);
            bytes.iter().for_each(|part| context.update(part));
            std::hint::black_box(context.finish());
        }
        let plain = (own_time()? - before) / REPEATED;
        let rate = |time: Duration| report.counts.rows as f64 / time.as_secs_f64();
        println!(
            "| {:.0} | {:.0} | {:.0} | {:.1} |",
            rate(took),
            rate(cpu),
            rate(plain),
            cpu.as_secs_f64() / plain.as_secs_f64()
        );
    }
    Ok(())
}

/// Verifies as the command does: on one thread.
fn verified(inputs: Inputs) -> Result<Report> {
    let verifier = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let report = runtime.block_on(verify::verify(&inputs));
        report.map_err(|failure| anyhow!(failure))
    });
    let done = verifier.join();
    done.map_err(|_| anyhow!("the verifier panicked"))?
}

/// The CPU time of this process.
fn own_time() -> Result<Duration> {
    processor_time::own(std::process::id())
}

/// All rows in the form in which PostgreSQL sends them.
async fn all_rows(client: &Client) -> Result<Vec<bytes::Bytes>> {
    let copy = concat!(
        "copy (select ",
        stored_row_columns!(),
        " from audit_logs order by month, chain_id, seq, place) to stdout (format binary)"
    );
    Ok(client.copy_out(copy).await?.try_collect().await?)
}

/// Writes and seals rows.
async fn sealed(clinic: &Clinic, rows: u64, folder: &std::path::Path) -> Result<Log> {
    clinic
        .client
        .batch_execute(
            "set session_replication_role = replica;
             set synchronous_commit = off;
             truncate audit_logs;
             drop index audit_logs_user_idx, audit_logs_patient_idx, audit_logs_patients_idx, audit_logs_request_idx,
               audit_logs_xid_idx, audit_logs_resource_idx, audit_logs_denied_idx, audit_logs_failed_idx",
        )
        .await?;
    let key =
        FileSigner::open_or_generate(&folder.join("key")).map_err(|failure| anyhow!(failure))?;
    let store = Arc::new(Folder::new(folder));
    let log = Log::new(store, Arc::new(key), "bench.example/audit", Duration::ZERO)?;
    let mut tip = log.recover().await?;
    let mut heads: Vec<(Uuid, i64, [u8; 32])> = Vec::new();
    let (user, patient) = (
        clinic.id("provider user 1").await?,
        clinic.id("patient 1").await?,
    );
    for batch in 0..rows.div_ceil(CHAIN * BATCH) {
        let mut leaves = Vec::new();
        let left = rows - batch * CHAIN * BATCH;
        let copy = clinic.client.copy_in("copy audit_logs from stdin").await?;
        pin_mut!(copy);
        for _ in 0..left.div_ceil(CHAIN).min(BATCH) {
            let (public_key, links) = chain(user, patient)?;
            let text: String = links.iter().map(|link| line(link, "3")).collect();
            copy.send(bytes::Bytes::from(text)).await?;
            let last = &links[links.len() - 1];
            heads.push((last.position.chain_id, last.position.seq, last.row_hash));
            leaves.extend(leaves_of(public_key, &links)?);
        }
        copy.finish().await?;
        heads.sort_unstable();
        leaves.push(Leaf::Heads(Heads::of(heads.iter().copied())));
        let now = Timestamp::now().microseconds().unsigned_abs();
        let next = tip.next(now, u64::MAX, leaves)?;
        tip = log.publish(&tip, next).await?.tip().clone();
    }
    clinic
        .client
        .batch_execute("vacuum analyze audit_logs")
        .await?;
    Ok(log)
}

/// A row with its position, hash and signature.
pub struct Linked {
    entry: Entry,
    pub position: Position,
    row_hash: [u8; 32],
    signature: [u8; 64],
}

/// The key of an environment and its rows.
pub fn chain(user: Uuid, patient: Uuid) -> Result<([u8; 32], Vec<Linked>)> {
    let key = Ed25519KeyPair::generate()?;
    let mut position = Position {
        chain_id: Uuid::new_v4(),
        seq: 0,
        prev_hash: [0; 32],
        place: [0; 16],
    };
    let mut rows = Vec::new();
    for _ in 0..CHAIN {
        position.seq += 1;
        position.place = *Uuid::new_v4().as_bytes();
        let entry = entry(user, patient);
        let row_hash = entry.hash(&position)?;
        rows.push(Linked {
            entry,
            position,
            row_hash,
            signature: key.sign(&row_hash).as_ref().try_into()?,
        });
        position.prev_hash = row_hash;
    }
    Ok((key.public_key().as_ref().try_into()?, rows))
}

fn entry(user: Uuid, patient: Uuid) -> Entry {
    let timestamp = Timestamp::now();
    Entry {
        id: AuditLogId::of_time(timestamp),
        timestamp,
        user_id: Some(UserId::from(user)),
        actor_role: Some("PROVIDER".to_owned()),
        relation: Some(Relation::Care),
        purpose_of_use: Some(Relation::Care.purpose()),
        action_type: Action::Read,
        resource_type: ResourceType::Patient,
        resource_id: Some(patient),
        patients: vec![PatientId::from(patient)],
        outcome: Outcome::Success,
        source_ip: Some([203, 0, 113, 7].into()),
        user_agent: Some(
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".to_owned(),
        ),
        application: "get-patient".to_owned(),
        request_id: Uuid::new_v4().to_string(),
        trace_id: Some("1-67891233-abcdef012345678912345678".to_owned()),
        details: serde_json::Map::from_iter([("status".to_owned(), 200.into())]),
    }
}

/// A line of a COPY in PostgreSQL's text format, of a row that this transaction appended.
pub fn line(link: &Linked, xid: &str) -> String {
    let entry = &link.entry;
    let id = |id: Option<Uuid>| id.map_or("\\N".to_owned(), |id| id.to_string());
    let bytes = |bytes: &[u8]| format!("\\\\x{}", hex::encode(bytes));
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "\\N".to_owned());
    let position = &link.position;
    [
        Uuid::from(entry.id).to_string(),
        entry.timestamp.first_of_month().to_string(),
        entry.timestamp.to_string(),
        id(entry.user_id.map(Into::into)),
        text(&entry.actor_role),
        "CARE".to_owned(),
        "TREAT".to_owned(),
        entry.action_type.label().to_owned(),
        entry.resource_type.label().to_owned(),
        id(entry.resource_id),
        id(entry.patient_id().map(Into::into)),
        "\\N".to_owned(),
        entry.outcome.label().to_owned(),
        entry
            .source_ip
            .map_or("\\N".to_owned(), |ip| ip.to_string()),
        text(&entry.user_agent),
        entry.application.clone(),
        entry.request_id.clone(),
        text(&entry.trace_id),
        serde_json::Value::from(entry.details.clone()).to_string(),
        position.chain_id.to_string(),
        position.seq.to_string(),
        bytes(&position.prev_hash),
        bytes(&link.row_hash),
        audit::FORM.to_string(),
        bytes(&position.place),
        bytes(&link.signature),
        format!("{xid}\n"),
    ]
    .join("\t")
}

fn leaves_of(public_key: [u8; 32], links: &[Linked]) -> Result<Vec<Leaf>> {
    let first = &links[0];
    let month = first.entry.timestamp.first_of_month().to_string();
    let month = Month::new(month[..4].parse()?, month[5..7].parse()?)?;
    let opened = Leaf::Chain(Chain {
        chain_id: first.position.chain_id,
        public_key,
        function: Label::new("get-patient")?,
        version: Label::new("0.1.0")?,
        opened_at: 0,
    });
    let rows = links.iter().map(|link| {
        Leaf::Row(Row {
            month,
            chain_id: link.position.chain_id,
            seq: link.position.seq,
            row_hash: link.row_hash,
            signature: link.signature,
        })
    });
    Ok(std::iter::once(opened).chain(rows).collect())
}

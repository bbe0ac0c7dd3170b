//! Measures the audited read end to end. The reference is pgbench with the same two flushes.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tokio::process::Command;

use crate::site::{Databases, Site, Size, TICKET_KEY};

const ROUNDS: usize = 3;

pub async fn measure(binaries: &Path, clients: usize, seconds: u64) -> Result<()> {
    let databases = Databases::start(false).await?;
    let site = Site::open(&databases, "bench", Size::SMALL, binaries, clients).await?;
    let script = tempfile::NamedTempFile::new()?;
    std::fs::write(script.path(), pgbench_script(&site).await?)?;
    let mut ratios = Vec::new();
    println!(
        "| round | audited reads/s | pgbench, unnamed statements | pgbench, named | reads / named |"
    );
    println!("|---|---:|---:|---:|---:|");
    for round in 0..=ROUNDS {
        let reads = reads(&site, clients, Duration::from_secs(seconds)).await?;
        let unnamed = pgbench(&site, script.path(), "extended", clients, seconds).await?;
        let named = pgbench(&site, script.path(), "prepared", clients, seconds).await?;
        // The first round warms both up.
        if round > 0 {
            println!(
                "| {round} | {reads:.0} | {unnamed:.0} | {named:.0} | {:.2} |",
                reads / named
            );
            ratios.push(reads / named);
        }
    }
    ratios.sort_by(f64::total_cmp);
    println!(
        "\nmedian ratio {:.2} with {clients} clients",
        ratios[ratios.len() / 2]
    );
    site.cloud.shutdown().await;
    Ok(())
}

async fn reads(site: &Site, clients: usize, time: Duration) -> Result<f64> {
    let count = Arc::new(AtomicU64::new(0));
    let provider = site.caller("provider user 1").await?;
    let path = format!("/v1/patients/{}", site.clinic.id("patient 1").await?);
    let started = Instant::now();
    let workers = (0..clients).map(|_| {
        let (client, path, count) = (provider.clone(), path.clone(), count.clone());
        tokio::spawn(async move {
            while started.elapsed() < time {
                let response = client.send("GET".parse()?, &path, None).await?;
                ensure!(
                    response.status() == 200,
                    "a read answered {}",
                    response.status()
                );
                count.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        })
    });
    for worker in futures_util::future::join_all(workers).await {
        worker??;
    }
    Ok(count.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64())
}

/// Returns the rate of transactions per second. `mode` is pgbench's protocol: `extended` sends statements
/// without names, and `prepared` with names.
async fn pgbench(
    site: &Site,
    script: &Path,
    mode: &str,
    clients: usize,
    seconds: u64,
) -> Result<f64> {
    let output = Command::new(pgbench_binary())
        .args(["-n", "-M", mode, "-j", "2"])
        .arg("-c")
        .arg(clients.to_string())
        .arg("-T")
        .arg(seconds.to_string())
        .arg("-f")
        .arg(script)
        .arg(&site.clinic.app_url)
        .output()
        .await
        .context("pgbench is missing")?;
    ensure!(
        output.status.success(),
        "pgbench failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines()
        .find_map(|line| {
            line.strip_prefix("tps = ")?
                .split_whitespace()
                .next()?
                .parse()
                .ok()
        })
        .context("pgbench printed no rate")
}

/// Returns the path of pgbench, beside the server's own binaries, whose folder pg_config names.
fn pgbench_binary() -> std::path::PathBuf {
    let mut found: Vec<_> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin/pgbench"))
        .filter(|path| path.exists())
        .collect();
    found.sort();
    found.pop().unwrap_or_else(|| "pgbench".into())
}

async fn pgbench_script(site: &Site) -> Result<String> {
    let (user, patient) = (
        site.clinic.id("provider user 1").await?,
        site.clinic.id("patient 1").await?,
    );
    let select = domain::select_patient!("where id = ").to_owned();
    let key = hex::encode(TICKET_KEY);
    Ok(format!(
        "\\startpipeline
begin;
select user_id, role, relation, patient_id from (select floor(extract(epoch from clock_timestamp()))::bigint as clock) as now, begin_request('{user}', true, 'patients:read', clock, hmac(convert_to('caretrail-ticket-v1|{user}|t|patients:read|' || clock, 'UTF8'), '\\x{key}', 'sha256'));
{select} '{patient}' and reaches('patients:read', id) and not is_archived;
\\endpipeline
\\startpipeline
select append_audit(row((overlay(lpad(to_hex(floor(extract(epoch from now()) * 1000)::bigint), 12, '0') || '-7' placing '-' from 9 for 0) || right(gen_random_uuid()::text, 21))::uuid, date_trunc('month', now() at time zone 'UTC')::date, now(), '{user}', 'PROVIDER', 'CARE', 'TREAT', 'READ', 'PATIENT', '{patient}', '{patient}', null, 'SUCCESS', '127.0.0.1', 'bench', 'get-patient', gen_random_uuid()::text, null, null, gen_random_uuid(), 1, decode(repeat('00', 32), 'hex'), sha256(now()::text::bytea))::audit_logs);
commit;
\\endpipeline
"
    )
    // pgbench replaces a colon and a name by a variable, even within quotes.
    .replace("patients:read", "patients' || chr(58) || 'read"))
}

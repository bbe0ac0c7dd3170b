//! Measures the time from process spawn to first answer, alternately without and with TLS to the
//! database. The gateway starts a process at the first request, so one request to a function
//! without a process contains the whole cold start.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use client::Client;
use local_cloud::template::Function;
use serde_json::json;

use crate::figures::median;
use crate::site::{Databases, Setup, Site, Size};

/// The number of requests after the first, before peak memory is read.
const WARM: usize = 200;

pub async fn measure(binaries: &Path, rounds: usize) -> Result<()> {
    let (plain, tls) = (
        Databases::start(Setup::default()).await?,
        Databases::start(Setup {
            tls: true,
            ..Setup::default()
        })
        .await?,
    );
    let plain = Site::open(&plain, "bench", Size::SMALL, binaries, 1).await?;
    let tls = Site::open(&tls, "bench", Size::SMALL, binaries, 1).await?;
    let mut rows = Vec::new();
    for function in &plain.template.functions {
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..rounds {
            for (site, times) in [&plain, &tls].into_iter().zip(&mut times) {
                times.push(cold_start(site, function).await?);
            }
        }
        let provider = plain.caller("provider user 1").await?;
        for _ in 0..WARM {
            request(&plain, &provider, function).await?;
        }
        let path = plain.binaries.join(&function.package).canonicalize()?;
        let size = std::fs::metadata(&path)?.len();
        let [in_clear, encrypted] = times.map(median);
        rows.push((
            function.package.as_str(),
            size,
            in_clear,
            encrypted,
            peak_memory(&path)?,
        ));
    }
    rows.sort_by_key(|row| (row.0 != "hello", row.0.to_owned()));
    println!(
        "| function | binary, MB | spawn → first answer, ms (median of {rounds}) | over TLS, ms | peak RSS, MB |"
    );
    println!("|---|---:|---:|---:|---:|");
    for (name, size, in_clear, encrypted, memory) in rows {
        let megabytes = |bytes: u64| bytes as f64 / 1e6;
        println!(
            "| {name} | {:.1} | {in_clear:.1} | {encrypted:.1} | {:.1} |",
            megabytes(size),
            megabytes(memory)
        );
    }
    plain.cloud.shutdown().await;
    tls.cloud.shutdown().await;
    Ok(())
}

async fn cold_start(site: &Site, function: &Function) -> Result<Duration> {
    site.stop(&function.package).await;
    let provider = site.caller("provider user 1").await?;
    let started = Instant::now();
    request(site, &provider, function).await?;
    Ok(started.elapsed())
}

/// Returns a request that reaches the database and leaves an audit row. For functions that read a
/// patient this is a real read, for others a request that is refused.
async fn request(site: &Site, client: &Client, function: &Function) -> Result<()> {
    let Some(route) = function.routes.first() else {
        let event = json!({ "Records": [] });
        return site.cloud.invoke(&function.package, &event).await.map(drop);
    };
    let id = match function.package.as_str() {
        "get-patient" => site.clinic.id("patient 1").await?.to_string(),
        _ => "00000000-0000-4000-8000-000000000000".to_owned(),
    };
    let path = route
        .path
        .replace("{id}", &id)
        .replace("{provider_id}", &id);
    let body = json!({});
    let body = (route.method != "GET").then_some(&body);
    client.send(route.method.parse()?, &path, body).await?;
    Ok(())
}

/// Returns the highest `VmHWM` of the processes that run this binary, in bytes.
pub fn peak_memory(binary: &Path) -> Result<u64> {
    let mut peak = None;
    for process in std::fs::read_dir("/proc")? {
        let process = process?.path();
        if std::fs::read_link(process.join("exe")).is_ok_and(|exe| exe == binary) {
            let status = std::fs::read_to_string(process.join("status"))?;
            let kilobytes = status
                .lines()
                .find_map(|line| line.strip_prefix("VmHWM:"))
                .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
            peak = peak.max(kilobytes);
        }
    }
    peak.map(|kilobytes| kilobytes * 1024)
        .ok_or_else(|| anyhow::anyhow!("no process runs {}", binary.display()))
}

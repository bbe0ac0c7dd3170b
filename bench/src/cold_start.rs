//! Process spawn to first answer. The gateway starts a process when the first request comes, so
//! one request to a function without process holds all of it.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use local::client::Client;
use local::template::Function;
use serde_json::json;

use crate::site::Site;

/// Requests after the first, before peak memory is read.
const WARM: usize = 200;

pub async fn measure(binaries: &Path, rounds: usize) -> Result<()> {
    let site = Site::open(binaries, 1).await?;
    let mut rows = Vec::new();
    for function in &site.template.functions {
        let mut times = Vec::new();
        for _ in 0..rounds {
            site.cloud.lambda().restart(&function.package);
            while site.cloud.lambda().instances(&function.package) > 0 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            let started = Instant::now();
            request(&site, function).await?;
            times.push(started.elapsed());
        }
        for _ in 0..WARM {
            request(&site, function).await?;
        }
        let path = site.binaries.join(&function.package).canonicalize()?;
        let size = std::fs::metadata(&path)?.len();
        rows.push((
            function.package.as_str(),
            size,
            median(&mut times),
            peak_memory(&path)?,
        ));
    }
    rows.sort_by_key(|row| (row.0 != "hello", row.0.to_owned()));
    println!(
        "| function | binary, MB | spawn → first answer, ms (median of {rounds}) | peak RSS, MB |"
    );
    println!("|---|---:|---:|---:|");
    for (name, size, time, memory) in rows {
        let megabytes = |bytes: u64| bytes as f64 / 1e6;
        println!(
            "| {name} | {:.1} | {:.1} | {:.1} |",
            megabytes(size),
            time.as_secs_f64() * 1000.0,
            megabytes(memory)
        );
    }
    site.cloud.shutdown().await;
    Ok(())
}

/// A request that reaches the database and leaves an audit row: a real read where the function
/// reads a patient, else one that is refused for what it asks.
async fn request(site: &Site, function: &Function) -> Result<()> {
    let Some(route) = function.routes.first() else {
        let event = json!({ "Records": [] });
        return site.cloud.invoke(&function.package, &event).await.map(drop);
    };
    let path = match function.package.as_str() {
        "get-patient" => route.path.replace("{id}", &site.patient_id),
        _ => route
            .path
            .replace("{id}", "00000000-0000-4000-8000-000000000000")
            .replace("{provider_id}", "00000000-0000-4000-8000-000000000000"),
    };
    let body = json!({});
    let body = (route.method != "GET").then_some(&body);
    let client: &Client = &site.provider;
    client.send(route.method.parse()?, &path, body).await?;
    Ok(())
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// `VmHWM` of the one process that runs this binary, in bytes.
fn peak_memory(binary: &Path) -> Result<u64> {
    for process in std::fs::read_dir("/proc")? {
        let process = process?.path();
        if std::fs::read_link(process.join("exe")).is_ok_and(|exe| exe == binary) {
            let status = std::fs::read_to_string(process.join("status"))?;
            let kilobytes = status
                .lines()
                .find_map(|line| line.strip_prefix("VmHWM:"))
                .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
            return Ok(kilobytes.unwrap_or_default() * 1024);
        }
    }
    anyhow::bail!("no process runs {}", binary.display())
}

//! Measures the audited read end to end. One reference is pgbench with the same statement. The other is the
//! bare limit: pgbench with the least that any audited read must do, in one flush.

mod pgbench;
pub mod processor_time;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::figures::{Spread, middle};
use crate::site::{Databases, Setup, Site, Size};
use pgbench::{Mode, Script};

/// The columns of the table.
const SUBJECTS: [&str; 5] = [
    "audited reads",
    "pgbench, unnamed",
    "pgbench, named",
    "bare limit, unnamed",
    "bare limit, named",
];
/// The column of pgbench with the same transaction, in the mode that the functions use.
const SAME: usize = 2;
/// The column of the bare limit, in the mode that the functions use.
const LIMIT: usize = 4;

/// How long and how often to measure.
pub struct Plan {
    /// The number of concurrent callers; a single caller is measured too.
    pub clients: usize,
    /// The time of each measurement.
    pub time: Duration,
    /// The number of alternating rounds.
    pub rounds: usize,
}

/// What was done in a measurement.
struct Work {
    transactions: u64,
    /// Transactions per second.
    rate: f64,
}

/// One measurement of one subject.
struct Run {
    /// Transactions per second.
    rate: f64,
    /// The CPU time of all of PostgreSQL's processes for a transaction, in microseconds.
    processor: f64,
}

pub async fn measure(binaries: &Path, setup: Setup, plan: &Plan) -> Result<()> {
    let databases = Databases::start(setup).await?;
    let site = Site::open(&databases, "bench", Size::SMALL, binaries, plan.clients).await?;
    let same = Script::audited_read(&site).await?;
    let limit = Script::bare_limit(&site).await?;
    println!("| clients | figure | {} |", SUBJECTS.join(" | "));
    println!("|---:|---|{}", "---:|".repeat(SUBJECTS.len()));
    let mut counts = vec![1, plan.clients];
    counts.dedup();
    for clients in counts {
        let mut runs: [Vec<Run>; 5] = Default::default();
        // The first round warms everything up.
        for round in 0..=plan.rounds {
            for (subject, runs) in runs.iter_mut().enumerate() {
                let before = processor_time::of(databases.postmaster()?)?;
                let work = match subject {
                    0 => reads(&site, clients, plan.time).await?,
                    1 => same.run(Mode::Unnamed, clients, plan.time).await?,
                    2 => same.run(Mode::Named, clients, plan.time).await?,
                    3 => limit.run(Mode::Unnamed, clients, plan.time).await?,
                    _ => limit.run(Mode::Named, clients, plan.time).await?,
                };
                let spent = processor_time::of(databases.postmaster()?)? - before;
                if round > 0 {
                    runs.push(Run {
                        rate: work.rate,
                        processor: spent.as_secs_f64() * 1e6 / work.transactions as f64,
                    });
                }
            }
        }
        report(clients, &runs);
    }
    site.cloud.shutdown().await;
    Ok(())
}

fn report(clients: usize, runs: &[Vec<Run>; 5]) {
    let row = |name: &str, cell: &dyn Fn(&Vec<Run>) -> String| {
        let cells: Vec<_> = runs.iter().map(cell).collect();
        println!("| {clients} | {name} | {} |", cells.join(" | "));
    };
    let spread = |runs: &Vec<Run>, figure: &dyn Fn(&Run) -> f64, digits| {
        Spread::of(runs.iter().map(figure).collect()).to_string_with(digits)
    };
    row("transactions/s", &|runs| spread(runs, &|run| run.rate, 0));
    if clients == 1 {
        row("latency, ms", &|runs| {
            spread(runs, &|run| 1000.0 / run.rate, 2)
        });
    }
    row("CPU time of PostgreSQL, µs", &|runs| {
        spread(runs, &|run| run.processor, 0)
    });
    for reference in [SAME, LIMIT] {
        row(&format!("ratio to {}", SUBJECTS[reference]), &|column| {
            let pairs = column.iter().zip(&runs[reference]);
            let ratios = pairs.map(|(run, reference)| run.rate / reference.rate);
            format!("{:.2}", middle(ratios.collect()))
        });
    }
}

/// Reads through gateway, function and database.
async fn reads(site: &Site, clients: usize, time: Duration) -> Result<Work> {
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
    let transactions = count.load(Ordering::Relaxed);
    let rate = transactions as f64 / started.elapsed().as_secs_f64();
    Ok(Work { transactions, rate })
}

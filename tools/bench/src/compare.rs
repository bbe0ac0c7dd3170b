//! Compares the audited read with that of an earlier commit. Each version is measured by `throughput` as it
//! was at that version, because settings, migrations and the transaction differ. The two take turns, so
//! that other programs disturb both alike.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use local_cloud::workspace;

use crate::figures::{Spread, middle};

/// How `throughput` is run.
pub struct Plan {
    pub clients: usize,
    pub seconds: u64,
    pub turns: usize,
}

/// A benchmark and the folder of the functions that it measures.
struct Version {
    bench: PathBuf,
    binaries: PathBuf,
}

pub fn measure(commit: &str, binaries: &Path, plan: &Plan) -> Result<()> {
    let before = build(commit)?;
    let now = Version {
        bench: std::env::current_exe()?,
        binaries: binaries.to_owned(),
    };
    let mut ratios = [Vec::new(), Vec::new(), Vec::new()];
    println!(
        "| turn | audited reads/s before | now | ratio | pgbench before, unnamed | now, unnamed | ratio | now, named | ratio |"
    );
    println!("|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    for turn in 1..=plan.turns {
        let [reads, pgbench] = before.rates(plan)?;
        let [reads_now, unnamed, named] = now.rates(plan)?;
        let turn_ratios = [reads_now / reads, unnamed / pgbench, named / pgbench];
        let [of_reads, of_unnamed, of_named] = turn_ratios;
        println!(
            "| {turn} | {reads:.0} | {reads_now:.0} | {of_reads:.2} | {pgbench:.0} | {unnamed:.0} | {of_unnamed:.2} | {named:.0} | {of_named:.2} |"
        );
        for (ratios, ratio) in ratios.iter_mut().zip(turn_ratios) {
            ratios.push(ratio);
        }
    }
    let [reads, unnamed, named] = ratios.map(|ratios| Spread::of(ratios).to_string_with(2));
    println!(
        "\nmedian ratios with {} clients: audited reads {reads}, pgbench without names {unnamed}, with names {named}",
        plan.clients
    );
    Ok(())
}

/// Builds the earlier version below `target`, as the benchmarks and the functions are built today.
fn build(commit: &str) -> Result<Version> {
    let root = workspace::root();
    let source = root.join("target/before").join(commit);
    std::fs::create_dir_all(&source)?;
    let mut archive = Command::new("git")
        .args(["archive", commit])
        .current_dir(root)
        .stdout(Stdio::piped())
        .spawn()?;
    let archived = archive.stdout.take().context("git archive has no output")?;
    run(Command::new("tar").arg("-xC").arg(&source).stdin(archived))?;
    ensure!(archive.wait()?.success(), "{commit} is no commit");
    let cargo = |arguments: &[&str]| {
        let mut command = Command::new("cargo");
        command.arg("build").args(arguments).current_dir(&source);
        run(command.env_remove("CARGO_TARGET_DIR"))
    };
    cargo(&["--release", "--package", "get-patient"])?;
    cargo(&["--profile", "measure", "--package", "bench"])?;
    Ok(Version {
        bench: source.join("target/measure/bench"),
        binaries: source.join("target/release"),
    })
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status()?;
    ensure!(status.success(), "{command:?} failed");
    Ok(())
}

impl Version {
    /// Returns the rates in the first columns of the table of `throughput`: audited reads, pgbench without
    /// names and, in later versions, pgbench with names.
    fn rates<const COLUMNS: usize>(&self, plan: &Plan) -> Result<[f64; COLUMNS]> {
        let output = Command::new(&self.bench)
            .arg("throughput")
            .arg("--binaries")
            .arg(&self.binaries)
            .args(["--clients", &plan.clients.to_string()])
            .args(["--seconds", &plan.seconds.to_string()])
            .stderr(Stdio::inherit())
            .output()?;
        ensure!(output.status.success(), "{:?} failed", self.bench);
        let table = String::from_utf8(output.stdout)?;
        let rows = rates_of_rounds(&table, plan.clients);
        ensure!(!rows.is_empty(), "the table has no rates:\n{table}");
        Ok(std::array::from_fn(|column| {
            middle(
                rows.iter()
                    .filter_map(|row| row.get(column).copied())
                    .collect(),
            )
        }))
    }
}

/// Returns the rates in each row that has some. Earlier versions print one row a round; later ones print the
/// medians of all rounds in one row for each number of clients.
fn rates_of_rounds(table: &str, clients: usize) -> Vec<Vec<f64>> {
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let is_median = cells.get(1) == Some(&clients.to_string().as_str())
            && cells.get(2) == Some(&"transactions/s");
        let rates = cells.get(if is_median { 3 } else { 2 }..)?;
        let number = |cell: &&str| cell.split(' ').next()?.parse().ok();
        let rates: Vec<f64> = rates.iter().map_while(number).collect();
        (!rates.is_empty()).then_some(rates)
    };
    table.lines().filter_map(row).collect()
}

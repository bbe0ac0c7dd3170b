//! Benchmarks. Each compares its subject with a reference in the same run, so the results are
//! ratios and not absolute times.
#![expect(clippy::print_stdout, reason = "a benchmark prints its result")]

mod audit_chain;
mod cold_start;
mod compare;
mod events;
mod export;
mod figures;
mod large_file;
mod scale;
mod sealing;
mod site;
mod soak;
mod throughput;
mod verification;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::{Parser, ValueEnum};

/// Measures the functions as built by `cargo lambda build --release` or `cargo build`.
#[derive(Parser)]
enum Command {
    /// Measures every function: binary size, time from process spawn to first answer with and
    /// without TLS, and peak memory. The reference is a hello-world Lambda. Fails if a budget is exceeded.
    ColdStart {
        /// Folder of the binaries, which are NAME/bootstrap or NAME.
        #[arg(long, default_value = "target/lambda")]
        binaries: PathBuf,
        /// The functions to measure, separated by commas; all if none is named.
        #[arg(long, value_delimiter = ',')]
        functions: Vec<String>,
        /// Number of cold starts of each function.
        #[arg(long, default_value_t = 15)]
        rounds: usize,
    },
    /// Measures audited reads through gateway, function and database: their rate, their latency and the CPU
    /// time of PostgreSQL. The references are pgbench with the same statement, and the bare
    /// limit: pgbench with the least that any audited read must do.
    Throughput {
        /// Folder of the binaries, which are NAME/bootstrap or NAME.
        #[arg(long, default_value = "target/lambda")]
        binaries: PathBuf,
        /// Number of concurrent callers; a single caller is measured too.
        #[arg(long, default_value_t = 16)]
        clients: usize,
        /// Seconds of each measurement.
        #[arg(long, default_value_t = 5)]
        seconds: u64,
        /// Number of alternating rounds.
        #[arg(long, default_value_t = 3)]
        rounds: usize,
        /// Whether PostgreSQL waits for the disk at each COMMIT. If so, its data is on a disk.
        #[arg(long, value_enum, default_value = "off")]
        fsync: Switch,
    },
    /// Compares the audited reads of this version with those of an earlier commit. Builds the earlier
    /// version below target/before and runs its own `throughput`, alternately with today's.
    Compare {
        /// The earlier commit. `throughput` must exist there.
        commit: String,
        /// Folder of today's binaries, which are NAME/bootstrap or NAME.
        #[arg(long, default_value = "target/lambda")]
        binaries: PathBuf,
        /// Number of concurrent callers.
        #[arg(long, default_value_t = 16)]
        clients: usize,
        /// Seconds of each measurement. Each `throughput` has several.
        #[arg(long, default_value_t = 3)]
        seconds: u64,
        /// How often each of the two versions has its turn.
        #[arg(long, default_value_t = 5)]
        turns: usize,
    },
    /// Measures searches, lists and a read with ten thousand patients and with a million. Reports
    /// the tables that PostgreSQL read from end to end, and compares a far page with the first.
    Scale {
        /// Folder of the binaries, which are NAME/bootstrap or NAME.
        #[arg(long, default_value = "target/measure")]
        binaries: PathBuf,
        /// Number of patients in the larger database.
        #[arg(long, default_value_t = 1_000_000)]
        patients: u32,
        /// Number of this month's audit rows in the larger database; a million take 0.8 GB.
        #[arg(long, default_value_t = 10_000_000)]
        audit_rows: u32,
        /// Number of requests of each kind to each database, at most 450.
        #[arg(long, default_value_t = 200)]
        rounds: usize,
        /// File to which every query plan is written.
        #[arg(long)]
        plans: Option<PathBuf>,
        /// Folder in which both databases are kept. A later run with the same folder fills only those that are
        /// missing, and doesn't look at `--patients` and `--audit-rows` of the others. Each round takes two of the
        /// thousand accounts that can become patients.
        #[arg(long)]
        keep: Option<PathBuf>,
    },
    /// Measures process-upload with large files. The reference is a plain SHA-256 of them. Fails if
    /// the function exceeds its memory budget.
    LargeFile {
        /// Folder of the binaries, which are NAME/bootstrap or NAME.
        #[arg(long, default_value = "target/lambda")]
        binaries: PathBuf,
        /// Size in MiB of the files of the types with the highest limit.
        #[arg(long, default_value_t = 1024)]
        size: u64,
        /// Number of files of each type.
        #[arg(long, default_value_t = 3)]
        rounds: usize,
    },
    /// Measures build-exports with a large chart: its peak memory, and its time compared with a plain SHA-256 of the files.
    Export {
        /// Folder of the binaries, which are NAME/bootstrap or NAME.
        #[arg(long, default_value = "target/lambda")]
        binaries: PathBuf,
        /// Number of notes in the chart.
        #[arg(long, default_value_t = 10_000)]
        entries: i64,
        /// Size in MiB of all files together.
        #[arg(long, default_value_t = 2048)]
        size: u64,
    },
    /// Sends audited requests while functions, the sealer and the database are killed at random, and then verifies
    /// the audit log with every verdict required. Fails if one isn't intact.
    Soak {
        /// Folder of the binaries, which are NAME/bootstrap or NAME.
        #[arg(long, default_value = "target/debug")]
        binaries: PathBuf,
        /// Number of requests.
        #[arg(long, default_value_t = 50_000)]
        requests: u64,
        /// Number of concurrent callers.
        #[arg(long, default_value_t = 8)]
        clients: usize,
        /// Seed of all that is random.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Measures the two flushes of an audited read with and without the audit chain.
    AuditChain {
        /// Number of concurrent clients; a single client is measured too.
        #[arg(long, default_value_t = 16)]
        clients: usize,
        /// Number of alternating turns of each.
        #[arg(long, default_value_t = 2000)]
        rounds: usize,
    },
    /// Measures the sealer: rows a second, what they take in S3, and a read while the sealer runs, compared with the same
    /// read while it is stopped. Then it verifies the log.
    Seal {
        /// Folder of the binaries, which are NAME/bootstrap or NAME.
        #[arg(long, default_value = "target/measure")]
        binaries: PathBuf,
        /// Number of rows, in chains of a thousand.
        #[arg(long, default_value_t = 10_000_000)]
        rows: u64,
    },
    /// Measures business events: what they add to a booking and to a change, how many are handed on in a second, and how
    /// late they arrive on EventBridge, at a webhook and at a reader of their list.
    Events {
        /// Folder of the binaries, which are NAME/bootstrap or NAME.
        #[arg(long, default_value = "target/measure")]
        binaries: PathBuf,
        /// Number of writes with events. A booking writes two events, a change one.
        #[arg(long, default_value_t = 10_000)]
        events: u64,
        /// Writes a second while it measures how late they arrive.
        #[arg(long, default_value_t = 100)]
        rate: u64,
    },
    /// Measures the verifier: rows with their hashes, links and heads, compared with the sealed log. The reference is a
    /// plain SHA-256 over the same bytes.
    Verify {
        /// Number of rows, in chains of a thousand.
        #[arg(long, default_value_t = 500_000)]
        rows: u64,
        /// Number of runs.
        #[arg(long, default_value_t = 3)]
        rounds: usize,
    },
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Switch {
    On,
    Off,
}

#[tokio::main]
async fn main() -> Result<()> {
    match Command::parse() {
        Command::ColdStart {
            binaries,
            functions,
            rounds,
        } => cold_start::measure(&binaries, &functions, rounds).await,
        Command::Throughput {
            binaries,
            clients,
            seconds,
            rounds,
            fsync,
        } => {
            let setup = site::Setup {
                fsync: fsync == Switch::On,
                ..site::Setup::default()
            };
            let plan = throughput::Plan {
                clients,
                time: Duration::from_secs(seconds),
                rounds,
            };
            throughput::measure(&binaries, setup, &plan).await
        }
        Command::Compare {
            commit,
            binaries,
            clients,
            seconds,
            turns,
        } => {
            let plan = compare::Plan {
                clients,
                seconds,
                turns,
            };
            compare::measure(&commit, &binaries, &plan)
        }
        Command::Scale {
            binaries,
            patients,
            audit_rows,
            rounds,
            plans,
            keep,
        } => {
            let size = site::Size {
                patients,
                audit_rows,
            };
            let setup = site::Setup {
                keep,
                ..site::Setup::default()
            };
            scale::measure(&binaries, size, setup, rounds, plans.as_deref()).await
        }
        Command::LargeFile {
            binaries,
            size,
            rounds,
        } => large_file::measure(&binaries, size, rounds).await,
        Command::Export {
            binaries,
            entries,
            size,
        } => export::measure(&binaries, entries, size).await,
        Command::Soak {
            binaries,
            requests,
            clients,
            seed,
        } => {
            let plan = soak::Plan {
                requests,
                clients,
                seed,
            };
            soak::run(&binaries, &plan).await
        }
        Command::AuditChain { clients, rounds } => audit_chain::measure(clients, rounds).await,
        Command::Seal { binaries, rows } => sealing::measure(&binaries, rows).await,
        Command::Events {
            binaries,
            events,
            rate,
        } => events::measure(&binaries, events, rate).await,
        Command::Verify { rows, rounds } => verification::measure(rows, rounds).await,
    }
}

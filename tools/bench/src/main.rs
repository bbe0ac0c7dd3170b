//! Measured comparisons, each beside a yardstick in the same run: these are ratios to read, not
//! times to hold machines to.
#![expect(clippy::print_stdout, reason = "a benchmark's table is its answer")]

mod audit_chain;
mod cold_start;
mod figures;
mod large_file;
mod scale;
mod site;
mod throughput;

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;

/// Measures the functions as `cargo lambda build --release` or `cargo build` left them.
#[derive(Parser)]
enum Command {
    /// Binary size, process spawn to first answer in clear and over TLS, and peak memory of every
    /// function, beside a hello-world Lambda.
    ColdStart {
        /// Where the binaries are: NAME/bootstrap or NAME.
        #[arg(long, default_value = "target/lambda")]
        binaries: PathBuf,
        /// Cold starts of each function.
        #[arg(long, default_value_t = 15)]
        rounds: usize,
    },
    /// Audited reads through gateway, function and database, beside pgbench running the same
    /// pipelined transaction.
    Throughput {
        /// Where the binaries are: NAME/bootstrap or NAME.
        #[arg(long, default_value = "target/lambda")]
        binaries: PathBuf,
        /// Concurrent callers.
        #[arg(long, default_value_t = 16)]
        clients: usize,
        /// Seconds of each of the three alternating rounds.
        #[arg(long, default_value_t = 5)]
        seconds: u64,
    },
    /// Searches, lists and a read at ten thousand patients and at a million, with what PostgreSQL
    /// read from end to end for them, and a far page beside the first.
    Scale {
        /// Where the binaries are: NAME/bootstrap or NAME.
        #[arg(long, default_value = "target/measure")]
        binaries: PathBuf,
        /// Patients in the larger database.
        #[arg(long, default_value_t = 1_000_000)]
        patients: u32,
        /// Audit rows of this month in the larger database: 0.8 GB a million.
        #[arg(long, default_value_t = 10_000_000)]
        audit_rows: u32,
        /// Requests of each kind to each database, 450 at most.
        #[arg(long, default_value_t = 200)]
        rounds: usize,
        /// A file to write every plan to.
        #[arg(long)]
        plans: Option<PathBuf>,
    },
    /// process-upload of large files, beside a plain SHA-256 of them. Fails where it needs more
    /// memory than its budget.
    LargeFile {
        /// Where the binaries are: NAME/bootstrap or NAME.
        #[arg(long, default_value = "target/lambda")]
        binaries: PathBuf,
        /// MiB of the types that may be largest.
        #[arg(long, default_value_t = 1024)]
        size: u64,
        /// Files of each type.
        #[arg(long, default_value_t = 3)]
        rounds: usize,
    },
    /// The two flushes of an audited read with the audit chain and without.
    AuditChain {
        /// Concurrent clients, beside one alone.
        #[arg(long, default_value_t = 16)]
        clients: usize,
        /// Turns of each.
        #[arg(long, default_value_t = 2000)]
        rounds: usize,
    },
}

#[tokio::main]
async fn main() -> Result<()> {
    match Command::parse() {
        Command::ColdStart { binaries, rounds } => cold_start::measure(&binaries, rounds).await,
        Command::Throughput {
            binaries,
            clients,
            seconds,
        } => throughput::measure(&binaries, clients, seconds).await,
        Command::Scale {
            binaries,
            patients,
            audit_rows,
            rounds,
            plans,
        } => {
            let size = site::Size {
                patients,
                audit_rows,
            };
            scale::measure(&binaries, size, rounds, plans.as_deref()).await
        }
        Command::LargeFile {
            binaries,
            size,
            rounds,
        } => large_file::measure(&binaries, size, rounds).await,
        Command::AuditChain { clients, rounds } => audit_chain::measure(clients, rounds).await,
    }
}

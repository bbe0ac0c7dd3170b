//! Measured comparisons, each beside a yardstick in the same run: these are ratios to read, not
//! times to hold machines to.
#![expect(clippy::print_stdout, reason = "a benchmark's table is its answer")]

mod cold_start;
mod site;
mod throughput;

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;

/// Measures the functions as `cargo lambda build --release` left them.
#[derive(Parser)]
enum Command {
    /// Binary size, process spawn to first answer, and peak memory of every function, beside a
    /// hello-world Lambda.
    ColdStart {
        /// Where the binaries are: NAME/bootstrap.
        #[arg(long, default_value = "target/lambda")]
        binaries: PathBuf,
        /// Cold starts of each function.
        #[arg(long, default_value_t = 15)]
        rounds: usize,
    },
    /// Audited reads through gateway, function and database, beside pgbench running the same
    /// pipelined transaction.
    Throughput {
        /// Where the binaries are: NAME/bootstrap.
        #[arg(long, default_value = "target/lambda")]
        binaries: PathBuf,
        /// Concurrent callers.
        #[arg(long, default_value_t = 16)]
        clients: usize,
        /// Seconds of each of the three alternating rounds.
        #[arg(long, default_value_t = 5)]
        seconds: u64,
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
    }
}

//! The command line: one file per subcommand.

mod database;
mod demo;
mod env;
mod event;
mod events;
mod import;
mod invoke;
mod make_user;
mod new_endpoint;
mod reset;
mod token;
mod up;
mod verify;

use std::path::PathBuf;

use crate::running::{self, Running};
use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use local_cloud::workspace;

/// Caretrail's local cloud: PostgreSQL, S3, Lambda, API gateway and token issuer on this machine.
#[derive(Debug, Parser)]
#[command(
    name = "cargo dev",
    bin_name = "cargo dev",
    args_conflicts_with_subcommands = false
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    place: Place,
}

/// The options that select a cloud.
#[derive(Debug, Clone, Args)]
pub struct Place {
    /// The callers' port [default: 9000, or the running cloud's].
    #[arg(long, global = true)]
    port: Option<u16>,
    /// The data folder [default: .dev in the project].
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the cloud and serve until Ctrl-C (what `cargo dev` alone does).
    ///
    /// Environment variables replace its parts. DATABASE_URL, S3_ENDPOINT and SUPABASE_URL name real
    /// services to use instead of local ones. ALLOWED_ORIGIN is the origin whose pages may call it
    /// from a browser; its default is http://localhost:3000.
    Up,
    /// Remove all data of a cloud that isn't running.
    Reset,
    /// Print an access token for a user of the running cloud.
    Token(token::Token),
    /// Run one function on an event, and print its answer.
    Invoke(event::Event),
    /// Print the event of a function, with a token, for `cargo lambda invoke --data-file`.
    Event(event::Event),
    /// Print the environment variables of the running cloud's functions.
    ///
    /// `cargo lambda watch --env-file` reads a file with them, and so does a shell: `set -a; . FILE; set +a`. With them,
    /// a function that another tool starts uses the running cloud's database, files and tokens. They contain
    /// passwords and keys.
    Env,
    /// Make a user of a real Supabase project, if SUPABASE_URL names one.
    MakeUser(make_user::MakeUser),
    /// Import patients from FHIR R4 bundles into the running cloud.
    Import(import::Import),
    /// Follow the business events of the running cloud: what happens in the clinic, one line an event.
    Events(events::Events),
    /// Tell the main job as a story: import, upload, read, book, refuse, audit, verify, tamper.
    Demo,
    /// Verify the audit log of the running cloud, as an auditor does.
    Verify,
    /// Write a new endpoint into every place that it has, ready to be filled in.
    NewEndpoint(new_endpoint::Command),
}

/// Runs the command line.
pub async fn run() -> Result<()> {
    let Cli { command, place } = Cli::parse();
    match command.unwrap_or(Command::Up) {
        Command::Up => up::run(&place).await,
        Command::Reset => reset::run(&place),
        Command::Token(token) => token::run(&place, &token),
        Command::Invoke(invoke) => invoke::run(&place, &invoke).await,
        Command::Event(event) => event::run(&place, &event),
        Command::Env => env::run(&place),
        Command::MakeUser(user) => make_user::run(&place, &user).await,
        Command::Import(import) => import::run(&place, &import).await,
        Command::Events(options) => events::run(&place, &options).await,
        Command::Demo => demo::run(&place).await,
        Command::Verify => verify::run(&place).await,
        Command::NewEndpoint(command) => new_endpoint::run(&command),
    }
}

impl Place {
    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.data
            .clone()
            .unwrap_or_else(|| workspace::root().join(".dev"))
    }

    /// The running cloud.
    ///
    /// # Errors
    /// No cloud runs.
    pub fn running(&self) -> Result<Running> {
        running::find(&self.data(), self.port)
    }
}

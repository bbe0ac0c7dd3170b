//! `cargo dev new-endpoint`
#![expect(clippy::print_stdout, reason = "the command prints what it made")]

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use local_cloud::workspace;

use crate::new_endpoint::{self, Order};

/// The endpoint, and the project that gets it.
#[derive(Debug, Args)]
pub struct Command {
    #[command(flatten)]
    order: Order,
    /// The project's folder.
    #[arg(long, hide = true)]
    root: Option<PathBuf>,
}

/// Writes the endpoint's files, and prints them and the steps that are left.
pub fn run(command: &Command) -> Result<()> {
    let root = command.root.clone().unwrap_or_else(workspace::root);
    let (endpoint, changes) = new_endpoint::plan(&root, &command.order)?;
    let paths: Vec<_> = changes
        .paths()
        .map(|(path, is_new)| format!("  {} {path}", if is_new { "new    " } else { "changed" }))
        .collect();
    changes.write()?;
    let (name, resource, module) = (&endpoint.name, &endpoint.resource, endpoint.module());
    println!(
        "The endpoint {name} answers {route}:
{paths}

It requires {permission} and compiles, but only reads. Next:
  1. Write in a migration what it stores, requires or forbids.
  2. Write its types, its statements and its handler in functions/{resource}/{name}/src/lib.rs.
  3. Run UPDATE=1 cargo test -p openapi-document, which writes openapi.json.
  4. Write its scenarios in tests/scenarios/{scenarios}/{module}.rs and run them:
     cargo test --workspace --test scenarios {scenarios}::{module}
  5. Check its event, its row in docs/access.md and, if it has one, its request in
     tests/scenarios/access_matrix/requests.rs.
  6. Add two requests of it to tests/scenarios/round_trips.rs.
  7. Run cargo test --workspace --test tidy, and then cargo test.
docs/adding-an-endpoint.md explains the steps.",
        route = endpoint.route(),
        paths = paths.join("\n"),
        permission = endpoint.permission,
        scenarios = resource.replace('-', "_"),
    );
    Ok(())
}

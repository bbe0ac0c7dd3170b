//! Builds the functions, as `cargo build` does.

use std::env;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use crate::workspace;

/// Builds every binary of the workspace into the folder of the running program. Cargo shows its
/// progress on standard error. Quick if nothing has changed.
///
/// # Errors
/// Something doesn't compile. Cargo has printed what.
pub async fn functions() -> Result<()> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["build", "--workspace", "--bins"])
        .current_dir(workspace::root())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true);
    if workspace::binaries().ends_with("release") {
        command.arg("--release");
    }
    let status = command.status().await.context("cargo is not on PATH")?;
    if !status.success() {
        bail!("the functions do not compile");
    }
    Ok(())
}

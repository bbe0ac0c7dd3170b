//! `cargo dev invoke`
#![expect(clippy::print_stdout, reason = "the command prints an answer")]

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use client::Client;
use http::Method;
use serde_json::Value;

use super::Place;

/// The function and its event.
#[derive(Debug, Args)]
pub struct Invoke {
    /// The function: get-patient.
    function: String,
    /// A file with its event, JSON: events/get-patient.json.
    #[arg(long, value_name = "FILE")]
    event: PathBuf,
}

/// Prints the function's answer unchanged.
pub async fn run(place: &Place, invoke: &Invoke) -> Result<()> {
    let running = place.running()?;
    let text = fs::read(&invoke.event)
        .with_context(|| format!("{} can't be read", invoke.event.display()))?;
    let event: Value = serde_json::from_slice(&text)
        .with_context(|| format!("{} isn't JSON", invoke.event.display()))?;
    let path = format!("/2015-03-31/functions/{}/invocations", invoke.function);
    let answer = Client::new(running.lambda_url)
        .send(Method::POST, &path, Some(&event))
        .await?;
    let failed =
        answer.headers().contains_key("x-amz-function-error") || !answer.status().is_success();
    println!("{}", String::from_utf8_lossy(answer.body()));
    if failed {
        bail!("{} failed", invoke.function);
    }
    Ok(())
}

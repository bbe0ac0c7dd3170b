//! `cargo dev invoke`
#![expect(clippy::print_stdout, reason = "the command prints an answer")]

use anyhow::{Result, bail};
use client::Client;
use http::Method;

use super::Place;
use super::event::Event;

/// Prints the function's answer unchanged.
pub async fn run(place: &Place, invoke: &Event) -> Result<()> {
    let running = place.running()?;
    let event = invoke.read(place)?;
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

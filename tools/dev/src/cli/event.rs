//! `cargo dev event`, and the event of `cargo dev invoke`.
#![expect(clippy::print_stdout, reason = "the command prints an event")]

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use local_cloud::workspace;
use serde_json::Value;

use super::{Place, token};

/// A function and its event.
#[derive(Debug, Args)]
pub struct Event {
    /// The function: get-patient.
    pub function: String,
    /// A file with its event, JSON [default: events/FUNCTION.json of the project].
    #[arg(long, value_name = "FILE")]
    event: Option<PathBuf>,
    /// The access token to send with the request.
    #[arg(long, conflicts_with = "role")]
    token: Option<String>,
    /// Send a token for the demo user of this role: patient, provider, admin or compliance_officer.
    #[arg(long)]
    role: Option<String>,
}

impl Event {
    /// Reads the event and puts the token into it.
    ///
    /// # Errors
    /// The file can't be read or isn't JSON, the cloud can't make a token, or the event isn't an HTTP request.
    pub fn read(&self, place: &Place) -> Result<Value> {
        let file = self.event.clone().unwrap_or_else(|| {
            let events = workspace::root().join("events");
            events.join(format!("{}.json", self.function))
        });
        let text = fs::read(&file).with_context(|| format!("{} can't be read", file.display()))?;
        let mut event: Value = serde_json::from_slice(&text)
            .with_context(|| format!("{} isn't JSON", file.display()))?;
        let token = match (&self.token, &self.role) {
            (Some(token), _) => token.clone(),
            (None, Some(role)) => token::of_role(place, role)?,
            (None, None) => return Ok(event),
        };
        let is_request = event["requestContext"]["http"].is_object();
        let Some(headers) = event["headers"].as_object_mut().filter(|_| is_request) else {
            bail!(
                "{} is no HTTP request, so it takes no token",
                file.display()
            );
        };
        headers.retain(|name, _| !name.eq_ignore_ascii_case("authorization"));
        headers.insert("authorization".into(), format!("Bearer {token}").into());
        Ok(event)
    }
}

/// Prints the event with the token.
pub fn run(place: &Place, event: &Event) -> Result<()> {
    println!("{:#}", event.read(place)?);
    Ok(())
}

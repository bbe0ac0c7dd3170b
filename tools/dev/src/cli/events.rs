//! `cargo dev events`

use std::io::{self, ErrorKind, Write as _, stdout};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use client::{Api, Person};
use serde_json::Value;
use tokio::signal;

use super::{Place, token};
use crate::demo_users::ADMIN;

/// The most events of one answer.
const PAGE: usize = 100;

/// Between two looks for new events.
const PAUSE: Duration = Duration::from_secs(1);

/// What all types begin with.
const PREFIX: &str = "caretrail.";

/// Which events to print, and how.
#[derive(Debug, Args)]
pub struct Events {
    /// Begin with the oldest event that is kept, instead of with those that happen from now on.
    #[arg(long)]
    all: bool,
    /// Print only the events whose type begins like this, for example `appointment` or `caretrail.record.`.
    #[arg(long = "type", value_name = "PREFIX", default_value = "")]
    prefix: String,
    /// Print each event as a line of JSON: a CloudEvent.
    #[arg(long)]
    json: bool,
}

/// Prints the events until Ctrl-C, or until nobody reads them any more.
///
/// # Errors
/// No cloud with the local issuer runs, or it ends.
pub async fn run(place: &Place, options: &Events) -> Result<()> {
    tokio::select! {
        failed = follow(place, options) => failed,
        _ = signal::ctrl_c() => Ok(()),
    }
}

async fn follow(place: &Place, options: &Events) -> Result<()> {
    let mut feed = Feed::open(place)?;
    if !options.all {
        while feed.next().await?.len() == PAGE {}
    }
    eprintln!("Following the business events. Ctrl-C ends it.");
    loop {
        let events = feed.next().await?;
        for event in events.iter().filter(|event| options.want(event)) {
            match options.print(event) {
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
                printed => printed?,
            }
        }
        if events.len() < PAGE {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

impl Events {
    fn want(&self, event: &Value) -> bool {
        let wanted = self.prefix.strip_prefix(PREFIX).unwrap_or(&self.prefix);
        kind(event).starts_with(wanted)
    }

    fn print(&self, event: &Value) -> io::Result<()> {
        let mut out = stdout().lock();
        if self.json {
            return writeln!(out, "{event}");
        }
        let text = |name: &str| event[name].as_str().unwrap_or_default();
        let changed = event["data"]["changed"].as_array().into_iter().flatten();
        let changed: Vec<_> = changed.filter_map(Value::as_str).collect();
        let line = format!(
            "{} {:<29} {} {} {}",
            text("time"),
            kind(event),
            text("subject"),
            text("sequence"),
            changed.join(","),
        );
        writeln!(out, "{}", line.trim_end())
    }
}

/// The type without the part that all types have.
fn kind(event: &Value) -> &str {
    let kind = event["type"].as_str().unwrap_or_default();
    kind.strip_prefix(PREFIX).unwrap_or(kind)
}

/// The list of events, as the demo administrator reads it.
struct Feed<'a> {
    place: &'a Place,
    api: Api,
    admin: Person,
    /// The parameter with the cursor. Empty at the oldest event.
    cursor: String,
}

impl<'a> Feed<'a> {
    fn open(place: &'a Place) -> Result<Self> {
        let url = place.running()?.url;
        token::of_role(place, ADMIN.role)?;
        let its_place = place.clone();
        Ok(Self {
            place,
            api: Api::new(url, move |_| token::of_role(&its_place, ADMIN.role)),
            admin: Person::from(ADMIN),
            cursor: String::new(),
        })
    }

    /// The events that follow. Empty if there are none yet.
    async fn next(&mut self) -> Result<Vec<Value>> {
        let path = format!("/v1/events?limit={PAGE}{}", self.cursor);
        let mut answer = match self.api.get(&self.admin, &path).await {
            Ok(answer) => answer,
            Err(refusal) => {
                // An end of the cloud is said more clearly.
                self.place.running()?;
                return Err(refusal).context("the events can't be read");
            }
        };
        let next = answer["next_cursor"].as_str();
        let next = next.context("an answer has no cursor")?;
        self.cursor = format!("&cursor={next}");
        match answer["items"].take() {
            Value::Array(events) => Ok(events),
            _ => Ok(Vec::new()),
        }
    }
}

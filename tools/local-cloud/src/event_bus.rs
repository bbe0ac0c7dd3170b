//! Amazon EventBridge: its call `PutEvents`. Each accepted event is a line of a log group on disk.
//!
//! <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::aws_json::{self, Refusal};
use crate::listener::Listener;
use crate::log_group::{LogGroup, Place};
use crate::objects::Credentials;

/// The name of the event bus.
pub const NAME: &str = "caretrail-local";

/// Most events of a call.
const MOST: usize = 10;

/// Most bytes of the events of a call.
const LARGEST: usize = 256 * 1024;

/// A running endpoint with one event bus. Dropping it closes its port.
#[derive(Debug)]
pub struct EventBus {
    listener: Listener,
    accepted: Arc<LogGroup>,
    refusals: Arc<AtomicUsize>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Input {
    entries: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Entry {
    event_bus_name: String,
    source: String,
    detail_type: String,
    detail: String,
    #[serde(default)]
    resources: Vec<String>,
}

impl EventBus {
    /// Serves an event bus on a free port, to callers with these credentials. Its events are kept in `folder`.
    ///
    /// # Errors
    /// No port is free, or the folder can't be made.
    pub async fn start(folder: &Path, credentials: &Credentials) -> Result<Self> {
        let accepted = LogGroup::open(NAME, folder);
        let accepted = accepted.with_context(|| format!("{} can't be used", folder.display()))?;
        let (accepted, refusals) = (Arc::new(accepted), Arc::new(AtomicUsize::new(0)));
        let (group, refuse) = (accepted.clone(), refusals.clone());
        let listener = aws_json::serve(credentials, move |call, input| {
            answer(&group, &refuse, call, input)
        });
        Ok(Self {
            listener: listener.await.context("no port for EventBridge")?,
            accepted,
            refusals,
        })
    }

    /// The endpoint's URL, a function's `AWS_ENDPOINT_URL_EVENTBRIDGE`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.listener.port())
    }

    /// Refuses as many of the next events as EventBridge does when it fails.
    pub fn refuse(&self, events: usize) {
        self.refusals.store(events, Ordering::SeqCst);
    }

    /// The details of all events that were accepted, in their order.
    ///
    /// # Errors
    /// The disk can't be read.
    pub fn events(&self) -> Result<Vec<Value>> {
        let accepted = self.accepted()?.into_iter();
        Ok(accepted.map(|(_, event)| event).collect())
    }

    /// The details of all events that were accepted, in their order, with when that was, to the millisecond.
    ///
    /// # Errors
    /// As [`EventBus::events`].
    pub fn accepted(&self) -> Result<Vec<(DateTime<Utc>, Value)>> {
        let mut events = Vec::new();
        self.accepted
            .search(Place::default(), 0, i64::MAX, |event| {
                let at = DateTime::from_timestamp_millis(event.timestamp);
                events.extend(at.zip(serde_json::from_str(&event.message).ok()));
                true
            })?;
        Ok(events)
    }
}

fn answer(
    accepted: &LogGroup,
    refusals: &AtomicUsize,
    call: &str,
    input: &Value,
) -> Result<Value, Refusal> {
    if call != "AWSEvents.PutEvents" {
        let message = "The only call is PutEvents.";
        return Err(("UnknownOperationException", message.into()));
    }
    let invalid = |message: String| ("ValidationException", message);
    let Input { entries } =
        serde_json::from_value(input.clone()).map_err(|fault| invalid(fault.to_string()))?;
    let size = |entry: &Entry| {
        let resources: usize = entry.resources.iter().map(String::len).sum();
        entry.source.len() + entry.detail_type.len() + entry.detail.len() + resources
    };
    if !(1..=MOST).contains(&entries.len()) || entries.iter().map(size).sum::<usize>() > LARGEST {
        return Err(invalid(
            "A call has 1 to 10 events with at most 256 KB.".into(),
        ));
    }
    let mut failed = 0;
    let answers: Result<Vec<Value>, Refusal> = entries
        .iter()
        .map(|entry| {
            let fault = fault(entry, refusals);
            if let Some((code, message)) = fault {
                failed += 1;
                return Ok(json!({"ErrorCode": code, "ErrorMessage": message}));
            }
            let kept = accepted.write(&entry.source, &entry.detail);
            kept.map_err(|fault| ("InternalException", fault.to_string()))?;
            Ok(json!({"EventId": Uuid::new_v4()}))
        })
        .collect();
    Ok(json!({"FailedEntryCount": failed, "Entries": answers?}))
}

/// Why an event isn't accepted.
fn fault(entry: &Entry, refusals: &AtomicUsize) -> Option<(&'static str, &'static str)> {
    if entry.event_bus_name != NAME {
        return Some(("ResourceNotFoundException", "There is no such event bus."));
    }
    if !serde_json::from_str::<Value>(&entry.detail).is_ok_and(|detail| detail.is_object()) {
        return Some(("MalformedDetail", "Detail is malformed."));
    }
    let less = |left: usize| left.checked_sub(1);
    let refused = refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less);
    refused
        .is_ok()
        .then_some(("InternalFailure", "The request failed."))
}

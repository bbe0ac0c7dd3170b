//! Amazon EventBridge: its call `PutEvents`.
//!
//! <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>

use api::input::FromSettings;
use api::prelude::*;
use aws::Service;
use business_events::BusinessEvent;
use settings::{Misconfigured, required};

/// The most events of one call.
const MOST: usize = 10;

/// What the log says if EventBridge can't be reached.
const UNREACHABLE: &str = "EventBridge can't be reached.";

/// An event bus.
pub struct EventBus {
    service: Service,
    name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Question<'a> {
    entries: Vec<Entry<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Entry<'a> {
    event_bus_name: &'a str,
    source: &'a str,
    detail_type: &'a str,
    /// The event as JSON.
    detail: String,
    resources: [&'a str; 1],
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    entries: Vec<Answered>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answered {
    #[serde(default)]
    error_code: Option<String>,
}

impl FromSettings for EventBus {
    fn from_settings() -> Result<Self, Misconfigured> {
        Ok(Self {
            service: Service::from_env("events", "AWS_ENDPOINT_URL_EVENTBRIDGE")?,
            name: required("EVENT_BUS")?,
        })
    }
}

impl EventBus {
    /// Sends events in their order. Returns for each of the first ones the code with which EventBridge refused it, and
    /// why the others were not sent, if they weren't.
    pub async fn send(&self, events: &[BusinessEvent]) -> (Vec<Option<String>>, Option<Error>) {
        let mut codes = Vec::new();
        for events in events.chunks(MOST) {
            match self.put(events).await {
                Ok(answers) => codes.extend(answers),
                Err(error) => return (codes, Some(error)),
            }
        }
        (codes, None)
    }

    async fn put(&self, events: &[BusinessEvent]) -> Result<Vec<Option<String>>, Error> {
        let entries: Result<Vec<_>, _> = events.iter().map(|event| self.entry(event)).collect();
        let entries = entries.map_err(|_| Error::Internal("an event has no JSON"))?;
        let question = Question { entries };
        let answer = self.service.call("AWSEvents.PutEvents", &question).await;
        let answer: Answer = answer.map_err(|error| {
            tracing::error!(%error, "business events could not be published");
            Error::Unavailable(UNREACHABLE)
        })?;
        if answer.entries.len() != events.len() {
            return Err(Error::Internal(
                "EventBridge answered other events than it got",
            ));
        }
        let codes = answer.entries.into_iter().map(|entry| entry.error_code);
        Ok(codes.collect())
    }

    fn entry<'a>(&'a self, event: &'a BusinessEvent) -> Result<Entry<'a>, serde_json::Error> {
        Ok(Entry {
            event_bus_name: &self.name,
            source: "caretrail",
            detail_type: &event.r#type,
            detail: serde_json::to_string(event)?,
            resources: [&event.subject],
        })
    }
}

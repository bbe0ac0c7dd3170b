//! A visit is booked and cancelled, and other systems learn of it from business events.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chrono::{SecondsFormat, TimeDelta, Utc};
use http::Method;
use import::Known;
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use crate::teller::{Teller, id};
use crate::trace::{CANCEL_APPOINTMENT, CREATE_APPOINTMENT};

/// What happens to the visit.
const TYPES: [&str; 2] = [
    "caretrail.appointment.booked.v1",
    "caretrail.appointment.cancelled.v1",
];

/// The most events of one answer.
const PAGE: usize = 100;

/// Between two looks for events.
const PAUSE: Duration = Duration::from_millis(100);

impl Teller<'_> {
    /// The provider books a visit, and the patient cancels it. Returns its id.
    pub async fn book_and_cancel(&mut self, patient: &Known, provider: &Known) -> Result<Uuid> {
        let at = (Utc::now() + TimeDelta::days(7)).to_rfc3339_opts(SecondsFormat::Secs, true);
        let visit = json!({
            "patient_id": patient.id, "provider_id": provider.id, "scheduled_at": at, "duration_minutes": 20,
        });
        let path = "/v1/appointments";
        let (answer, visit) = self
            .ask(&provider.person, Method::POST, path, Some(&visit), 201)
            .await?;
        let visit = id(&visit)?;
        self.narrator.step(
            "PROVIDER",
            "books a visit in a week",
            Some(201),
            Some(visit),
        );
        self.trace(&answer, provider, CREATE_APPOINTMENT, Some(visit))?;

        let path = format!("/v1/appointments/{visit}/cancel");
        let reason = json!({"reason": "Travelling that week"});
        let (answer, _) = self
            .ask(&patient.person, Method::POST, &path, Some(&reason), 200)
            .await?;
        self.narrator
            .step("PATIENT", "cancels the visit", Some(200), Some(visit));
        self.trace(&answer, patient, CANCEL_APPOINTMENT, Some(visit))?;
        Ok(visit)
    }

    /// Reads the business events, as a system does that follows them, until it knows what happened to the visit.
    pub async fn read_events(&mut self, visit: Uuid) -> Result<()> {
        let admin = self.story.admins.first.clone();
        let subject = format!("appointments/{visit}");
        let until = Instant::now() + self.story.patience;
        let mut known = 0;
        let mut cursor = String::new();
        while known < TYPES.len() {
            ensure!(Instant::now() < until, "an event of the visit is missing");
            let path = format!("/v1/events?limit={PAGE}{cursor}");
            let (_, answer) = self.ask(&admin, Method::GET, &path, None, 200).await?;
            let events = answer["items"].as_array().context("a list has no items")?;
            for event in events.iter().filter(|event| event["subject"] == *subject) {
                self.learn(event, known, visit)?;
                known += 1;
            }
            let next = answer["next_cursor"].as_str();
            cursor = format!(
                "&cursor={}",
                next.context("a list of events has no cursor")?
            );
            if events.len() < PAGE {
                tokio::time::sleep(PAUSE).await;
            }
        }
        Ok(())
    }

    /// Tells of the next event of the visit.
    fn learn(&mut self, event: &Value, known: usize, visit: Uuid) -> Result<()> {
        let expected = (TYPES.get(known).copied(), Some((known + 1).to_string()));
        let sequence = event["sequence"].as_str().map(str::to_owned);
        ensure!(
            (event["type"].as_str(), sequence) == expected,
            "the visit has other events than its steps"
        );
        let kind = event["type"].as_str().unwrap_or_default();
        self.narrator.step(
            "ADMIN",
            format!("reads the event {kind}"),
            Some(200),
            Some(visit),
        );
        Ok(())
    }
}

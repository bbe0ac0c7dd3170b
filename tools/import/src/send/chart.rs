//! Writes visits and records, corrects those that are there, and withdraws those that are in error.

use fhir::mapping::visits::Progress;
use futures_util::stream::{self, StreamExt as _};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    CONCURRENCY, Chart, EXISTS, Known, NO_PRACTITIONER, REASON, Sender, encoded, id, version,
};
use crate::compare::{is_same, patch};
use crate::plan::{Former, NewRecord, NewVisit, Withdrawn};
use crate::tally::{Done, Fault, Result, Tally};

const OF_ANOTHER: &str = "its identifier belongs to another resource";
const ARCHIVED: &str = "it is archived in Caretrail";

impl Sender<'_> {
    /// Writes all visits of the plan. Returns the ids of those that the cloud has now, in the plan's order.
    pub async fn visits(
        &self,
        tally: &mut Tally<'_>,
        providers: &[Option<Known>],
        charts: &[Result<Chart>],
    ) -> Vec<Option<Uuid>> {
        let plan = tally.plan;
        let write = |new: &'_ NewVisit| {
            let provider = providers[new.provider].clone();
            let chart = charts[new.patient].as_ref();
            let chart = chart.map_err(Fault::clone).map(|chart| {
                let there = chart.visits.get(&new.origin.key);
                (chart.patient, there.cloned())
            });
            let (body, progress, is_assumed) = (new.body.clone(), new.progress, new.is_assumed);
            async move {
                let (patient, there) = chart?;
                let mut provider = provider.ok_or(Fault::from(NO_PRACTITIONER))?.id;
                if is_assumed && let Some(there) = &there {
                    provider =
                        serde_json::from_value(there["provider_id"].clone()).unwrap_or(provider);
                }
                self.visit(&body, progress, patient, provider, there).await
            }
        };
        let written: Vec<_> = stream::iter(plan.visits.iter().map(write))
            .buffered(CONCURRENCY)
            .collect()
            .await;
        let mut visits = Vec::new();
        for (new, result) in plan.visits.iter().zip(written) {
            let result = match result {
                // Two visits may overlap, but not while both are scheduled.
                Err(Fault::Busy(_)) => write(new).await,
                result => result,
            };
            visits.push(tally.settle(&new.origin, result));
        }
        visits
    }

    async fn visit(
        &self,
        new: &Value,
        progress: Progress,
        patient: Uuid,
        provider: Uuid,
        there: Option<Value>,
    ) -> Result<(Done, Uuid)> {
        self.check()?;
        let mut body = new.clone();
        body["source_system"] = json!(self.source);
        body["patient_id"] = json!(patient);
        body["provider_id"] = json!(provider);
        let (done, there) = match there {
            Some(there) => self.correct_visit(&body, there).await?,
            None => match self
                .api
                .post(self.importer, "/v1/appointments", &body)
                .await
            {
                Ok(made) => (Done::Created, made),
                Err(refusal) if refusal.is(EXISTS) => {
                    // A retried request may find that its first try succeeded.
                    let there = self.visit_there(&body).await?;
                    if there["patient_id"] != body["patient_id"] {
                        return Err(Fault::Conflict(OF_ANOTHER.into()));
                    }
                    self.correct_visit(&body, there).await?
                }
                Err(refusal) if refusal.is("conflict") => {
                    return Err(Fault::Busy(format!(
                        "creating the appointment was {refusal}"
                    )));
                }
                Err(refusal) => return Err(self.said("creating the appointment", &refusal)),
            },
        };
        let visit = id(&there)?;
        let progressed = self.progress(&body, visit, &there, progress).await?;
        Ok((done.and(progressed), visit))
    }

    /// Corrects the time, the place and the notes of a visit.
    async fn correct_visit(&self, wanted: &Value, there: Value) -> Result<(Done, Value)> {
        if there["is_archived"] == true {
            return Err(Fault::Conflict(ARCHIVED.into()));
        }
        if there["provider_id"] != wanted["provider_id"] {
            let reason = "it names another practitioner than at its import, which can't be changed";
            return Ok((Done::Conflict(reason.into()), there));
        }
        const TIME: [&str; 2] = ["scheduled_at", "duration_minutes"];
        let fields = [&TIME[..], &["location", "notes"]].concat();
        let mut patch = patch(&there, wanted, &fields);
        if TIME.iter().any(|field| patch.contains_key(*field)) {
            patch.insert("reason".to_owned(), json!(REASON));
        }
        let path = format!("/v1/appointments/{}", id(&there)?);
        let done = self
            .correct(&path, &there, patch, "correcting the appointment")
            .await?;
        Ok((done, there))
    }

    /// Records what became of the visit.
    async fn progress(
        &self,
        body: &Value,
        visit: Uuid,
        there: &Value,
        progress: Progress,
    ) -> Result<Done> {
        let status = there["status"].as_str().unwrap_or_default();
        let steps: &[&str] = match (progress, status) {
            (Progress::Planned, "SCHEDULED")
            | (Progress::Arrived, "CHECKED_IN")
            | (Progress::Finished, "COMPLETED")
            | (Progress::Missed, "NO_SHOW")
            | (Progress::Off, _) => return Ok(Done::Unchanged),
            (Progress::Arrived, "SCHEDULED" | "NO_SHOW") => &["check-in"],
            (Progress::Finished, "SCHEDULED" | "CHECKED_IN") => &["complete"],
            (Progress::Finished, "NO_SHOW") => &["check-in", "complete"],
            (Progress::Missed, "SCHEDULED") => &["no-show"],
            _ => {
                return Ok(Done::Conflict(format!(
                    "it is {status} in Caretrail, from where it can't come into its state"
                )));
            }
        };
        for verb in steps {
            let path = format!("/v1/appointments/{visit}/{verb}");
            let answer = match *verb {
                "complete" => self.api.post(self.importer, &path, &json!({})).await,
                _ => self.api.post_nothing(self.importer, &path).await,
            };
            let Err(refusal) = answer else { continue };
            if !refusal.is("conflict") {
                return match self.said("recording what became of the appointment", &refusal) {
                    Fault::Conflict(reason) => Ok(Done::Conflict(reason)),
                    fault => Err(fault),
                };
            }
            // A retried request may find that its first try succeeded.
            let now = self.visit_there(body).await?;
            let is_done = matches!(
                (*verb, now["status"].as_str()),
                ("check-in", Some("CHECKED_IN"))
                    | ("complete", Some("COMPLETED"))
                    | ("no-show", Some("NO_SHOW"))
            );
            if !is_done {
                let reason = format!("recording what became of the appointment was {refusal}");
                return Ok(Done::Conflict(reason));
            }
        }
        Ok(Done::Updated)
    }

    /// The visit with the identifier of this body.
    async fn visit_there(&self, body: &Value) -> Result<Value> {
        let external_id = body["external_id"].as_str().unwrap_or_default();
        let path = format!(
            "/v1/appointments?source_system={}&external_id={}&include_archived=true",
            encoded(self.source),
            encoded(external_id)
        );
        let page = self.api.get(self.importer, &path).await;
        let mut page =
            page.map_err(|refusal| self.said("looking for the appointment", &refusal))?;
        let there = page["items"].get_mut(0).map(Value::take);
        there.ok_or_else(|| Fault::Conflict(OF_ANOTHER.into()))
    }

    /// Writes the record, or corrects the one that is there.
    pub async fn record(
        &self,
        new: &NewRecord,
        author: &Known,
        visit: Option<Uuid>,
        chart: &Chart,
    ) -> Result<Done> {
        self.check()?;
        let mut body = new.body.clone();
        let patient = chart.patient;
        body["source_system"] = json!(self.source);
        body["patient_id"] = json!(patient);
        body["provider_id"] = json!(author.id);
        body["appointment_id"] = json!(visit);
        if let Some(there) = chart.records.get(&new.origin.key) {
            if new.is_assumed {
                body["provider_id"] = there["provider_id"].clone();
            }
            return self.correct_record(&body, there).await;
        }
        match self
            .api
            .post(self.importer, "/v1/medical-records", &body)
            .await
        {
            Ok(_) => return Ok(Done::Created),
            Err(refusal) if !refusal.is(EXISTS) => {
                return Err(self.said("creating the record", &refusal));
            }
            Err(_) => {}
        }
        // A retried request may find that its first try succeeded.
        let path = format!(
            "/v1/medical-records?patient_id={patient}&source_system={}&external_id={}&include_archived=true",
            encoded(self.source),
            encoded(body["external_id"].as_str().unwrap_or_default())
        );
        let page = self.api.get(self.importer, &path).await;
        let page = page.map_err(|refusal| self.said("looking for the record", &refusal))?;
        match &page["items"][0] {
            Value::Null => Err(Fault::Conflict(OF_ANOTHER.into())),
            there => self.correct_record(&body, there).await,
        }
    }

    /// Corrects the content of a record.
    async fn correct_record(&self, wanted: &Value, there: &Value) -> Result<Done> {
        if there["is_archived"] == true {
            return Err(Fault::Conflict(ARCHIVED.into()));
        }
        const FIXED: [&str; 3] = ["record_type", "provider_id", "appointment_id"];
        if let Some(field) =
            (FIXED.iter()).find(|field| !is_same(&there[**field], &wanted[**field]))
        {
            return Err(Fault::Conflict(format!(
                "it has another {field} than at its import, which can't be changed"
            )));
        }
        let mut patch = patch(
            there,
            wanted,
            &["content", "diagnosis", "treatment", "notes"],
        );
        if !patch.is_empty() {
            patch.insert("change_reason".to_owned(), json!(REASON));
        }
        let path = format!("/v1/medical-records/{}", id(there)?);
        self.correct(&path, there, patch, "correcting the record")
            .await
    }

    /// Archives or cancels what an earlier import made of an entry. Items of the patient are removed with the patient.
    pub async fn withdraw(&self, former: &Withdrawn, chart: &Chart) -> Result<Done> {
        self.check()?;
        let key = &former.origin.key;
        let (there, list) = match former.what {
            Former::Record => (chart.records.get(key), "medical-records"),
            Former::Visit | Former::CancelledVisit => (chart.visits.get(key), "appointments"),
            Former::Part(..) => return Ok(Done::Unchanged),
        };
        let Some(there) = there.filter(|there| there["is_archived"] == false) else {
            return Ok(Done::Unchanged);
        };
        let path = format!("/v1/{list}/{}", id(there)?);
        let mut version = version(there);
        if list == "appointments" {
            let status = there["status"].as_str().unwrap_or_default();
            if ["SCHEDULED", "CHECKED_IN"].contains(&status) {
                let body = json!({"reason": REASON});
                let path = format!("{path}/cancel");
                let cancelled = self.api.post(self.importer, &path, &body).await;
                let cancelled = cancelled
                    .map_err(|refusal| self.said("cancelling the appointment", &refusal))?;
                version = super::version(&cancelled);
            }
            match (&former.what, status) {
                (Former::Visit, _) => {}
                (_, "CANCELLED") => return Ok(Done::Unchanged),
                (_, "SCHEDULED" | "CHECKED_IN") => return Ok(Done::Withdrawn),
                _ => {
                    return Err(Fault::Conflict(format!(
                        "it is {status} in Caretrail and can't be cancelled any more"
                    )));
                }
            }
        }
        let archived = self.api.delete(self.importer, &path, version).await;
        archived.map_err(|refusal| self.said("archiving what was in error", &refusal))?;
        Ok(Done::Withdrawn)
    }
}

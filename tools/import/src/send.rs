//! Sends a plan. The administrator registers people; each provider writes their own visits and
//! records.

use std::path::PathBuf;

use client::{Api, Person, Refusal};
use fhir::mapping::visits::Progress;
use futures_util::stream::{self, StreamExt as _};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::plan::{NewPatient, NewProvider, NewRecord, NewVisit, Plan};
use crate::progress::Bars;
use crate::summary::Summary;
use crate::tally::{Done, Result, Tally};

/// How many records are sent at the same time.
const CONCURRENCY: usize = 8;

const EXISTS: &str = "already-exists";

/// The administrators who import. One alone can't make a clinician.
#[derive(Debug, Clone)]
pub struct Administrators {
    /// Registers people.
    pub first: Person,
    /// Approves the accounts of clinicians.
    pub second: Person,
}

/// What the cloud has of one bundle after its import.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The file of the bundle.
    pub file: PathBuf,
    /// The patients that the cloud has now, in the order of their entries.
    pub patients: Vec<Known>,
    /// The practitioners that the cloud has now, in the order of their entries.
    pub providers: Vec<Known>,
    /// The number of its visits that the cloud has now.
    pub visits: usize,
    /// The number of its records that the cloud has now.
    pub records: usize,
}

/// A person who is registered in the cloud.
#[derive(Debug, Clone)]
pub struct Known {
    /// Their sign-in.
    pub person: Person,
    /// Their id as a user.
    pub user_id: Uuid,
    /// Their `patient_id` or `provider_id`.
    pub id: Uuid,
}

impl Known {
    fn new(person: &Person, user_id: Uuid, id: Uuid) -> Self {
        Self {
            person: person.clone(),
            user_id,
            id,
        }
    }
}

/// Sends the plan and counts each of its entries in the summary.
pub async fn send(
    plan: Plan,
    api: &Api,
    admins: &Administrators,
    summary: &mut Summary,
    bars: &Bars,
) -> Imported {
    let complaints = summary.complaints.len();
    plan.account(summary);
    for complaint in &summary.complaints[complaints..] {
        bars.complain(complaint);
    }
    bars.done(plan.aside.len() + plan.bad.len());

    let sender = Sender {
        api,
        admin: &admins.first,
        approver: &admins.second,
    };
    let mut tally = Tally {
        plan: &plan,
        summary,
        bars,
    };

    let mut providers: Vec<Option<Known>> = Vec::new();
    for new in &plan.providers {
        let result = sender.provider(&mut tally, new).await;
        providers.push(if new.is_elsewhere {
            result.ok().map(|(_, known)| known)
        } else {
            tally.settle(&new.origin, result)
        });
    }
    let mut patients: Vec<Option<Known>> = Vec::new();
    for (index, new) in plan.patients.iter().enumerate() {
        let result = sender.patient(new).await;
        let unchanged = matches!(result, Ok((Done::Unchanged, _)));
        let patient = tally.settle(&new.origin, result);
        let id = patient.as_ref().map(|patient| patient.id);
        let team = plan.team(index);
        if let Some(id) = id {
            for &member in &team {
                sender
                    .assign(&mut tally, new, id, &mut providers[member])
                    .await;
            }
        }
        let reader = team.iter().find_map(|&member| providers[member].as_ref());
        sender.parts(&mut tally, new, id, unchanged, reader).await;
        patients.push(patient);
    }

    let mut visits: Vec<Option<Uuid>> = Vec::new();
    for new in &plan.visits {
        let result = match (&patients[new.patient], &providers[new.provider]) {
            (Some(patient), Some(provider)) => sender.visit(new, patient.id, provider).await,
            (None, _) => Err("its patient was not imported".into()),
            (_, None) => Err("its practitioner was not imported".into()),
        };
        visits.push(tally.settle(&new.origin, result));
    }

    let writing = plan.records.iter().map(|new| {
        let (sender, patients, visits, providers) = (&sender, &patients, &visits, &providers);
        async move {
            let visit = new.visit.map(|visit| visits[visit]);
            let result = match (&patients[new.patient], &providers[new.provider], visit) {
                (None, _, _) => Err("its patient was not imported".into()),
                (_, None, _) => Err("its practitioner was not imported".into()),
                (_, _, Some(None)) => Err("its visit was not imported".into()),
                (Some(patient), Some(provider), visit) => {
                    sender
                        .record(new, patient.id, provider, visit.flatten())
                        .await
                }
            };
            (&new.origin, result)
        }
    });
    let mut writing = stream::iter(writing).buffer_unordered(CONCURRENCY);
    let mut records = 0;
    while let Some((origin, result)) = writing.next().await {
        records += usize::from(
            tally
                .settle(origin, result.map(|done| (done, ())))
                .is_some(),
        );
    }
    drop(writing);

    Imported {
        file: plan.file,
        patients: patients.into_iter().flatten().collect(),
        providers: providers.into_iter().flatten().collect(),
        visits: visits.iter().flatten().count(),
        records,
    }
}

struct Sender<'a> {
    api: &'a Api,
    admin: &'a Person,
    approver: &'a Person,
}

impl Sender<'_> {
    async fn provider(&self, tally: &mut Tally<'_>, new: &NewProvider) -> Result<(Done, Known)> {
        let mut body = new.provider.clone();
        let user_id = self.user(&new.person, &new.user).await?;
        body["user_id"] = json!(user_id);
        let known = |done, id| (done, Known::new(&new.person, user_id, id));
        match self.api.post(self.admin, "/v1/providers", &body).await {
            Ok(provider) => return Ok(known(Done::Created, self.verified(&provider).await?)),
            Err(refusal) if !refusal.is(EXISTS) => {
                return Err(said("creating the provider", refusal));
            }
            Err(_) => {}
        }
        if let Some(there) = self.own_id(&new.person, "provider_id").await? {
            let path = format!("/v1/providers/{there}");
            let provider = self.api.get(self.admin, &path).await;
            let provider = provider.map_err(|refusal| said("reading the provider", refusal))?;
            return Ok(known(Done::Unchanged, self.verified(&provider).await?));
        }
        // Synthetic licence numbers are unique within one data set only.
        tally.note(
            &new.origin,
            "has the licence number of another person, so a suffix is added",
        );
        let mut apart = body;
        let license = apart["license_number"].as_str().unwrap_or_default();
        apart["license_number"] =
            format!("{license}-{}", &new.person.id.simple().to_string()[..8]).into();
        let provider = self.api.post(self.admin, "/v1/providers", &apart).await;
        let provider = provider.map_err(|refusal| said("creating the provider", refusal))?;
        Ok(known(Done::Created, self.verified(&provider).await?))
    }

    /// Records that the licence is verified, because a provider without a verified licence has no
    /// patients in care. The administrator vouches for the licences of an import. A verification that
    /// was withdrawn stays withdrawn. Returns the provider's id.
    async fn verified(&self, provider: &Value) -> Result<Uuid> {
        let id = id(provider)?;
        if provider["is_verified"] == true || !provider["withdrawal_reason"].is_null() {
            return Ok(id);
        }
        let path = format!("/v1/providers/{id}/verify");
        let version = provider["version"].as_i64().unwrap_or_default();
        match self
            .api
            .post_version(self.admin, &path, version, &json!({}))
            .await
        {
            Ok(_) => Ok(id),
            // A retried request may find that its first try succeeded.
            Err(refusal) if refusal.is("precondition-failed") => Ok(id),
            Err(refusal) => Err(said("verifying the provider", refusal)),
        }
    }

    async fn patient(&self, new: &NewPatient) -> Result<(Done, Known)> {
        let mut body = new.patient.clone();
        let user_id = self.user(&new.person, &new.user).await?;
        body["user_id"] = json!(user_id);
        let known = |done, id| (done, Known::new(&new.person, user_id, id));
        match self.api.post(self.admin, "/v1/patients", &body).await {
            Ok(patient) => return Ok(known(Done::Created, id(&patient)?)),
            Err(refusal) if !refusal.is(EXISTS) => {
                return Err(said("creating the patient", refusal));
            }
            Err(_) => {}
        }
        let there = self.own_id(&new.person, "patient_id").await?;
        Ok(known(
            Done::Unchanged,
            there.ok_or("its medical record number belongs to another patient")?,
        ))
    }

    /// Creates the user unless they exist. Returns their id.
    async fn user(&self, person: &Person, user: &Value) -> Result<Uuid> {
        match self.api.post(self.admin, "/v1/users", user).await {
            Ok(user) if user["awaits_approval"] == true => self.approve(&user).await,
            Ok(user) => id(&user),
            Err(refusal) if refusal.is(EXISTS) => {
                let known = self.own_id(person, "id").await?;
                known.ok_or_else(|| "its e-mail address belongs to another user".to_owned())
            }
            Err(refusal) => Err(said("creating the user", refusal)),
        }
    }

    /// Approves the new account. Returns its id.
    async fn approve(&self, user: &Value) -> Result<Uuid> {
        let id = id(user)?;
        let version = user["version"].as_i64().unwrap_or_default();
        let path = format!("/v1/users/{id}/approve");
        let decision = json!({"is_approved": true});
        match self
            .api
            .post_version(self.approver, &path, version, &decision)
            .await
        {
            Ok(_) => Ok(id),
            // A retried request may find that its first try succeeded.
            Err(refusal) if refusal.is("precondition-failed") => Ok(id),
            Err(refusal) => Err(said("approving the user", refusal)),
        }
    }

    /// The person's id as a user (`id`), or as the patient or provider that they are, if any.
    async fn own_id(&self, person: &Person, field: &str) -> Result<Option<Uuid>> {
        let me = self
            .api
            .get(person, "/v1/me")
            .await
            .map_err(|refusal| said("reading /v1/me", refusal))?;
        Ok(serde_json::from_value(me[field].clone()).unwrap_or_default())
    }

    /// Assigns the provider to the patient. Clears a provider that can't be assigned, who could write
    /// nothing for this patient.
    async fn assign(
        &self,
        tally: &mut Tally<'_>,
        new: &NewPatient,
        patient: Uuid,
        provider: &mut Option<Known>,
    ) {
        let Some(known) = provider else { return };
        let path = format!("/v1/patients/{patient}/providers/{}", known.id);
        if let Err(refusal) = self.api.put(self.admin, &path).await {
            tally.complain(&new.origin, said("assigning a provider", refusal));
            *provider = None;
        }
    }

    /// Counts the parts of the patient. They were sent with a new patient. With an existing one they
    /// are compared.
    async fn parts(
        &self,
        tally: &mut Tally<'_>,
        new: &NewPatient,
        patient: Option<Uuid>,
        unchanged: bool,
        reader: Option<&Known>,
    ) {
        if new.parts.is_empty() {
            return;
        }
        let there = match (patient, unchanged, reader) {
            (None, _, _) => Err("its patient was not imported".to_owned()),
            (_, false, _) => Ok(None),
            (_, true, None) => Err(
                "the patient exists, and no practitioner can read the rest of their data".into(),
            ),
            (Some(patient), true, Some(reader)) => {
                let read = self
                    .api
                    .get(&reader.person, &format!("/v1/patients/{patient}"))
                    .await;
                read.map(Some)
                    .map_err(|refusal| said("reading the patient", refusal))
            }
        };
        for (origin, field, item) in &new.parts {
            let result = match &there {
                Err(reason) => Err(reason.clone()),
                Ok(None) => Ok(Done::Created),
                Ok(Some(patient)) => match patient[field].as_array() {
                    Some(items) if items.contains(item) => Ok(Done::Unchanged),
                    _ => Err("the patient exists without it".into()),
                },
            };
            tally.settle(origin, result.map(|done| (done, ())));
        }
    }

    async fn visit(&self, new: &NewVisit, patient: Uuid, provider: &Known) -> Result<(Done, Uuid)> {
        let mut body = new.body.clone();
        body["patient_id"] = json!(patient);
        body["provider_id"] = json!(provider.id);
        let (done, visit) = match self
            .api
            .post(&provider.person, "/v1/appointments", &body)
            .await
        {
            Ok(appointment) => (Done::Created, id(&appointment)?),
            Err(refusal) if refusal.is(EXISTS) => {
                let there = self.visit_there(new, patient, provider).await?;
                let visit = id(&there)?;
                if !matches!(there["status"].as_str(), Some("SCHEDULED" | "CHECKED_IN")) {
                    return Ok((Done::Unchanged, visit));
                }
                (Done::Unchanged, visit)
            }
            Err(refusal) => return Err(said("creating the appointment", refusal)),
        };
        let (verb, status) = match new.progress {
            Progress::Arrived => ("check-in", "CHECKED_IN"),
            Progress::Finished => ("complete", "COMPLETED"),
            Progress::Missed => ("no-show", "NO_SHOW"),
            Progress::Planned | Progress::Off => return Ok((done, visit)),
        };
        let path = format!("/v1/appointments/{visit}/{verb}");
        let answer = match new.progress {
            Progress::Finished => self.api.post(&provider.person, &path, &json!({})).await,
            _ => self.api.post_nothing(&provider.person, &path).await,
        };
        match answer {
            Ok(_) => Ok((done, visit)),
            // A retried request may find that its first try succeeded.
            Err(refusal) if refusal.is("conflict") => {
                match self.visit_there(new, patient, provider).await?["status"].as_str() {
                    Some(there) if there == status => Ok((done, visit)),
                    _ => Err(said("recording what became of the appointment", refusal)),
                }
            }
            Err(refusal) => Err(said("recording what became of the appointment", refusal)),
        }
    }

    /// The patient's appointment of this `external_id`.
    async fn visit_there(&self, new: &NewVisit, patient: Uuid, provider: &Known) -> Result<Value> {
        let encoded = |field: &str| {
            let text = new.body[field].as_str().unwrap_or_default();
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
                .to_string()
        };
        let (system, external_id) = (encoded("source_system"), encoded("external_id"));
        let page = self
            .api
            .get(
                &provider.person,
                &format!("/v1/appointments?source_system={system}&external_id={external_id}"),
            )
            .await;
        let page = page.map_err(|refusal| said("looking for the appointment", refusal))?;
        page["items"]
            .get(0)
            .filter(|there| there["patient_id"] == json!(patient))
            .cloned()
            .ok_or_else(|| "its identifier belongs to another appointment".to_owned())
    }

    async fn record(
        &self,
        new: &NewRecord,
        patient: Uuid,
        author: &Known,
        visit: Option<Uuid>,
    ) -> Result<Done> {
        let mut body = new.body.clone();
        body["patient_id"] = json!(patient);
        if let Some(visit) = visit {
            body["appointment_id"] = json!(visit);
        }
        match self
            .api
            .post(&author.person, "/v1/medical-records", &body)
            .await
        {
            Ok(_) => Ok(Done::Created),
            Err(refusal) if refusal.is(EXISTS) => Ok(Done::Unchanged),
            Err(refusal) => Err(said("creating the record", refusal)),
        }
    }
}

fn id(resource: &Value) -> Result<Uuid> {
    serde_json::from_value(resource["id"].clone()).map_err(|_| "the answer holds no id".to_owned())
}

fn said(doing: &str, refusal: Refusal) -> String {
    format!("{doing} was {refusal}")
}

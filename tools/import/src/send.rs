//! Sends a plan: people first, then visits, then records, and last what is withdrawn.

use std::path::PathBuf;
use std::sync::OnceLock;

use client::{Api, Person, Refusal};
use futures_util::stream::{self, StreamExt as _};
use serde_json::Value;
use uuid::Uuid;

use crate::plan::{Origin, Plan};
use crate::progress::Bars;
use crate::summary::Summary;
use crate::tally::{Done, Fault, Result, Tally};

mod chart;
mod people;
mod standing;

use self::standing::{Chart, planned};

/// How many requests are sent at the same time.
const CONCURRENCY: usize = 16;

/// The kind of problem of a value that another resource has.
const EXISTS: &str = "already-exists";

/// The reason of each change that an import makes, as the chart and the history of a visit show it.
const REASON: &str = "import correction";

const NO_PATIENT: &str = "its patient was not imported";
const NO_PRACTITIONER: &str = "its practitioner was not imported";

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
    /// A sign-in for them, the same at each import. The import links none to their account.
    pub person: Person,
    /// Their id as a user.
    pub user_id: Uuid,
    /// Their `patient_id` or `provider_id`.
    pub id: Uuid,
}

/// Sends requests as an importer.
pub struct Sender<'a> {
    api: &'a Api,
    importer: &'a Person,
    /// The source system of the importer's account.
    source: &'a str,
    /// Why no further request is sent, if so.
    stopped: OnceLock<String>,
}

impl<'a> Sender<'a> {
    pub fn new(api: &'a Api, importer: &'a Person, source: &'a str) -> Self {
        Self {
            api,
            importer,
            source,
            stopped: OnceLock::new(),
        }
    }
}

impl Sender<'_> {
    /// The fault of a request that was made for this purpose and refused.
    fn said(&self, doing: &str, refusal: &Refusal) -> Fault {
        let reason = format!("{doing} was {refusal}");
        if refusal.is_final() {
            self.stopped.get_or_init(|| reason);
            Fault::Stopped
        } else if refusal.is("changed-since-import") {
            Fault::Conflict("somebody has changed it in Caretrail since its import".into())
        } else if refusal.is("precondition-failed") {
            Fault::Conflict(
                "somebody has changed it in Caretrail meanwhile: import it again".into(),
            )
        } else {
            Fault::Failed(reason)
        }
    }

    /// Errors: no further request is sent.
    fn check(&self) -> Result<()> {
        match self.stopped.get() {
            Some(_) => Err(Fault::Stopped),
            None => Ok(()),
        }
    }

    /// Sends the plan and counts each of its entries in the summary. Returns what the cloud has then, and why the
    /// import stopped, if it did.
    pub async fn send(
        &self,
        plan: Plan,
        summary: &mut Summary,
        bars: &Bars,
    ) -> (Imported, Option<String>) {
        let complaints = summary.complaints.len();
        plan.account(summary);
        for complaint in &summary.complaints[complaints..] {
            bars.complain(complaint);
        }
        bars.done(plan.aside.len() + plan.bad.len());
        let mut tally = Tally {
            plan: &plan,
            summary,
            bars,
        };

        let registering = plan.providers.iter().map(|new| self.provider(new));
        let registered: Vec<_> = stream::iter(registering)
            .buffered(CONCURRENCY)
            .collect()
            .await;
        let mut providers: Vec<Option<Known>> = Vec::new();
        for (new, result) in plan.providers.iter().zip(registered) {
            if let Ok((_, (_, true))) = &result {
                // Synthetic licence numbers are unique within one data set only.
                let note = "has the licence number of another person, so a suffix is added";
                tally.note(&new.origin, note);
            }
            let result = result.map(|(done, (known, _))| (done, known));
            providers.push(if new.is_elsewhere {
                result.ok().map(|(_, known)| known)
            } else {
                tally.settle(&new.origin, result)
            });
        }
        let mut patients = Vec::new();
        let mut charts = Vec::new();
        let planned = planned(&plan);
        for (index, new) in plan.patients.iter().enumerate() {
            let registered = self.patient(&mut tally, index, new).await;
            charts.push(self.chart(&planned, registered.as_ref()).await);
            patients.extend(registered.map(|(known, _)| known));
        }

        let visits = self.visits(&mut tally, &providers, &charts).await;
        let writing = plan.records.iter().map(|new| {
            let (visits, provider, chart) =
                (&visits, &providers[new.provider], &charts[new.patient]);
            async move {
                let result = match (chart, provider, new.visit.map(|it| visits[it])) {
                    (Err(fault), ..) => Err(fault.clone()),
                    (_, None, _) => Err(NO_PRACTITIONER.into()),
                    (.., Some(None)) => Err("its visit was not imported".into()),
                    (Ok(chart), Some(author), visit) => {
                        self.record(new, author, visit.flatten(), chart).await
                    }
                };
                (&new.origin, result)
            }
        });
        let records = settle_all(&mut tally, writing).await;

        let withdrawing = plan.withdrawn.iter().filter_map(|former| {
            let chart = charts[former.patient].as_ref().ok()?;
            Some(async { (&former.origin, self.withdraw(former, chart).await) })
        });
        let withdrawn: Vec<_> = stream::iter(withdrawing)
            .buffer_unordered(CONCURRENCY)
            .collect()
            .await;
        for (origin, result) in withdrawn {
            match result {
                Ok(Done::Unchanged) => {}
                Ok(done) => drop(tally.settle(origin, Ok((done, ())))),
                Err(fault) => tally.settle_withdrawal(origin, fault),
            }
        }
        let stopped = self.stopped.get().cloned();
        let imported = Imported {
            visits: visits.iter().flatten().count(),
            records,
            patients,
            providers: providers.into_iter().flatten().collect(),
            file: plan.file,
        };
        (imported, stopped)
    }
}

/// Runs the requests, some at the same time, and counts their results. Returns how many succeeded.
async fn settle_all<'a, F>(tally: &mut Tally<'_>, running: impl Iterator<Item = F>) -> usize
where
    F: Future<Output = (&'a Origin, Result<Done>)>,
{
    let mut running = std::pin::pin!(stream::iter(running).buffer_unordered(CONCURRENCY));
    let mut succeeded = 0;
    while let Some((origin, result)) = running.next().await {
        let settled = tally.settle(origin, result.map(|done| (done, ())));
        succeeded += usize::from(settled.is_some());
    }
    succeeded
}

fn id(resource: &Value) -> Result<Uuid> {
    serde_json::from_value(resource["id"].clone())
        .map_err(|_| Fault::from("the answer holds no id"))
}

fn version(resource: &Value) -> i64 {
    resource["version"].as_i64().unwrap_or_default()
}

/// The text in a query.
fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

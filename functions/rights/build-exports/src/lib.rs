//! Schedule, every minute: builds the packages that requests for access wait for.
//!
//! A package is written in one go and sent to S3 in parts, so the memory that it takes doesn't depend on the chart. What an
//! attempt doesn't finish is begun anew by the next one under another key. Each page of entries is in the audit log before
//! it leaves.

mod amendments;
mod attempt;
mod chart;
mod statements;
mod upload;

use std::time::Duration;

use api::job::Job;
use api::prelude::*;
use files::Store;
use settings::Misconfigured;
use sql::row;

use crate::attempt::Attempt;

pub const ENDPOINT: Endpoint = Endpoint::schedule("every minute")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Builds the packages that requests for access wait for")
    .needs("exports:build")
    .recorded_as(Action::Process, ResourceType::Export);

/// An attempt isn't begun with less time than this.
const LEAST: Duration = Duration::from_secs(30);

const BEGIN: &str = "select id, patient_id, attempt from begin_next_export()";
const RELEASE: &str = "select release_export($1, $2)";

row! {
    /// A request whose package this run builds.
    #[derive(Clone, Copy, Debug)]
    pub struct Begun {
        /// The request.
        pub id: ExportId,
        /// The patient.
        pub patient_id: PatientId,
        /// The number of the attempt.
        pub attempt: i32,
    }
}

/// A URI of the deployment, with which the identifiers of the clinic begin.
pub struct ClinicUri(String);

impl api::input::FromSettings for ClinicUri {
    fn from_settings() -> Result<Self, Misconfigured> {
        Ok(Self(settings::required("EVENT_SOURCE")?))
    }
}

/// Builds one package after the other. Errors: one couldn't be built. The others are, and the next run tries again.
pub async fn handle(
    job: Job,
    Configured(store): Configured<Store>,
    Configured(clinic): Configured<ClinicUri>,
) -> Result<(), Error> {
    let mut result = Ok(());
    while job.has_time(LEAST) {
        let Some(begun) = job.audited(Search::default(), begin).await? else {
            break;
        };
        let attempt = Attempt::new(&job, store, begun);
        if let Err(error) = attempt.build(&clinic.0).await {
            job.audited(begun.target(), |access| release(access, begun))
                .await?;
            result = Err(error);
        }
    }
    result
}

impl Begun {
    /// What the audit rows of the attempt are about.
    pub fn target(&self) -> InChart<ExportId> {
        InChart {
            resource: self.id,
            patient: self.patient_id,
        }
    }
}

/// Takes the next request. None if there is none, and then nothing is recorded.
async fn begin(mut access: Access<Search>) -> Result<Option<Begun>, Error> {
    let begun: Option<Begun> = access.optional(sql(BEGIN, &[])).await?;
    if let Some(begun) = begun {
        access.add_note("export_id", begun.id.to_string());
        access.add_note("attempt", begun.attempt);
        access.commit(Json(About(begun.patient_id))).await?;
    }
    Ok(begun)
}

/// Lets another attempt begin soon.
async fn release(mut access: Access<InChart<ExportId>>, begun: Begun) -> Result<(), Error> {
    access.add_note("attempt", begun.attempt);
    access.add_note("released", true);
    let _: Option<()> = access
        .optional(sql(RELEASE, &[&begun.id, &begun.attempt]))
        .await?;
    access.commit(Json(About(begun.patient_id))).await?;
    Ok(())
}

/// Whose data a step handled.
#[derive(Serialize)]
pub struct About(pub PatientId);

impl Content for About {
    fn patients(&self) -> Vec<PatientId> {
        vec![self.0]
    }
}

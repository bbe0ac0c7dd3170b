//! The main job as a story, told over HTTP against a running Caretrail: a patient is imported, two administrators let
//! them and their provider sign in, the provider adds files, the patient reads the chart, a visit is booked and cancelled
//! and other systems learn of it, another patient is refused, and the audit log shows all of it.
#![warn(missing_docs)]

mod audit;
mod chart;
mod events;
mod files;
mod narrator;
mod people;
mod samples;
mod story;
mod teller;
mod trace;

use std::path::Path;

use anyhow::{Context, Result, bail};
use import::{Imported, Known, import};

pub use self::narrator::{Report, Step};
pub use self::story::{Administrators, Story};
use self::teller::Teller;
use self::trace::{GET_FILE, GET_PATIENT, GET_RECORD};

/// Tells the story and reports each step to `listen` as it happens.
///
/// # Errors
/// The first step that fails or has another result than it should.
pub async fn tell(story: &Story, listen: &mut (dyn FnMut(&Step) + Send)) -> Result<Report> {
    let mut teller = Teller::new(story, listen);
    let about = teller.import(&story.bundle, "a patient").await?;
    let (patient, provider) = cast(&about)?;
    teller.settle(&patient, &provider).await?;
    let about_other = teller
        .import(&story.other_bundle, "another patient")
        .await?;
    let (other, other_provider) = cast(&about_other)?;
    teller.settle(&other, &other_provider).await?;

    let visit = teller.find_imaging(&provider, &patient).await?;
    let mut uploaded = Vec::new();
    for sample in samples::samples() {
        uploaded.push((
            teller.upload(&provider, &patient, visit, &sample).await?,
            sample,
        ));
    }

    teller.who_am_i(&patient).await?;
    let record = teller.read_records(&patient, about.records).await?;
    for (file, sample) in &uploaded {
        teller.read_file(&patient, *file, sample).await?;
    }

    let visit = teller.book_and_cancel(&patient, &provider).await?;
    teller.read_events(visit).await?;

    let (file, _) = uploaded[0];
    teller
        .refuse(&other, GET_PATIENT, "/v1/patients", patient.id)
        .await?;
    teller
        .refuse(&other, GET_RECORD, "/v1/medical-records", record)
        .await?;
    teller.refuse(&other, GET_FILE, "/v1/files", file).await?;

    teller.audit([&about, &about_other]).await?;
    Ok(Report {
        patient_id: patient.id,
        files: uploaded.into_iter().map(|(file, _)| file).collect(),
        steps: teller.narrator.into_steps(),
    })
}

impl Teller<'_> {
    /// Imports a bundle as the importer.
    async fn import(&mut self, bundle: &Path, whom: &str) -> Result<Imported> {
        let Story { api, importer, .. } = self.story;
        let (summary, imported) = import(&[bundle.to_owned()], api, importer).await;
        if let Some(complaint) = summary.complaints.first() {
            bail!("the import of {whom} complains: {complaint}");
        }
        let total = summary.total();
        let what = format!(
            "imports {whom}: {} new, {} there already, {} left out",
            total.created, total.unchanged, total.not_imported
        );
        let imported = imported
            .into_iter()
            .next()
            .context("nothing was imported")?;
        self.narrator.step(
            "IMPORTER",
            what,
            None,
            imported.patients.first().map(|known| known.id),
        );
        Ok(imported)
    }
}

/// The patient and their first provider.
fn cast(imported: &Imported) -> Result<(Known, Known)> {
    let patient = imported
        .patients
        .first()
        .cloned()
        .context("the bundle has no patient")?;
    let provider = imported
        .providers
        .first()
        .cloned()
        .context("the bundle has no practitioner")?;
    Ok((patient, provider))
}

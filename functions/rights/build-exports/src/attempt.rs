//! One attempt to build a package.

use std::collections::{BTreeMap, HashMap, HashSet};

use api::job::Job;
use api::prelude::*;
use chart_export::{About as PackageFacts, Amendment, Buffer, Clinic, Omission, Package, Section};
use domain::appointment::Appointment;
use domain::export::{DenialGround, Exclusion};
use domain::record::MedicalRecord;
use domain::zone::Zone;
use files::{Store, StoredFile, StoredPackage};
use sql::Jsonb;
use uuid::Uuid;

use crate::chart::{Chart, Facts, PAGE};
use crate::statements::{Entry, FINISH};
use crate::upload::{Upload, unwritable};
use crate::{About, Begun};

/// The number of entries of each kind.
type Contents = BTreeMap<String, i64>;

pub struct Attempt<'j> {
    chart: Chart<'j>,
    /// The entries that were read. The Bundle and the summary read each of them.
    read: i32,
    contents: Contents,
    amendments: HashMap<Uuid, Vec<Amendment>>,
}

impl<'j> Attempt<'j> {
    pub fn new(job: &'j Job, store: &'j Store, begun: Begun) -> Self {
        Self {
            chart: Chart {
                job,
                store,
                begun,
                missing: HashSet::new(),
            },
            read: 0,
            contents: Contents::new(),
            amendments: HashMap::new(),
        }
    }

    /// Builds the package and ends the request. Errors: a part of it fails. Nothing is left in S3 then.
    pub async fn build(mut self, clinic: &str) -> Result<(), Error> {
        let Begun {
            id,
            patient_id,
            attempt,
        } = self.chart.begun;
        let place = self.chart.store.package_place(patient_id, id, attempt);
        let mut upload = Upload::new(self.chart.store.begin_package(place).await?);
        match self.write(&mut upload, clinic).await {
            Ok(()) => {
                let stored = upload.finish().await?;
                self.finish(stored).await
            }
            Err(error) => {
                upload.abort().await;
                Err(error)
            }
        }
    }

    async fn write(&mut self, upload: &mut Upload<'_>, clinic: &str) -> Result<(), Error> {
        let facts = self.chart.facts().await?;
        let Jsonb(exclusions) = &facts.exclusions;
        let omissions: Vec<_> = exclusions.iter().map(omission).collect();
        let about = about(self.chart.begun, clinic, facts)?;
        let mut package = Package::begin(upload.writer(), about).map_err(unwritable)?;
        self.amendments = self.chart.amendments().await?;
        self.write_bundle(upload, &mut package).await?;
        self.write_summary(upload, &mut package, &omissions).await?;
        self.write_files(upload, &mut package).await?;
        package.finish().map_err(unwritable)?;
        Ok(())
    }

    async fn write_bundle(
        &mut self,
        upload: &mut Upload<'_>,
        package: &mut Package<Buffer>,
    ) -> Result<(), Error> {
        let (patient, user) = (self.chart.patient().await?, self.chart.user().await?);
        let mut bundle = package.bundle().map_err(unwritable)?;
        let mut after = ProviderId::from(Uuid::nil());
        loop {
            let providers = self.chart.providers(after).await?;
            for provider in &providers {
                bundle.provider(provider).map_err(unwritable)?;
            }
            upload.flush().await?;
            match providers.last() {
                Some(last) if is_full(&providers) => after = last.id,
                _ => break,
            }
        }
        let about_patient = self.about(patient.id.into());
        bundle
            .patient(&patient, Some(&user), &about_patient)
            .map_err(unwritable)?;
        self.count(
            "ALLERGY",
            patient.allergies.as_ref().map_or(0, |Jsonb(all)| all.len()),
        );
        self.count(
            "GOAL",
            patient
                .health_goals
                .as_ref()
                .map_or(0, |Jsonb(all)| all.len()),
        );
        self.count("AMENDMENT", self.amendments.values().map(Vec::len).sum());

        let mut pages = Pages::default();
        while let Some(visits) = pages.next::<Appointment>(self, None).await? {
            for visit in &visits {
                bundle
                    .visit(visit, &self.about(visit.id.into()))
                    .map_err(unwritable)?;
                upload.flush().await?;
            }
            self.count("VISIT", visits.len());
        }
        let mut pages = Pages::default();
        while let Some(records) = pages.next::<MedicalRecord>(self, None).await? {
            for record in &records {
                bundle
                    .record(record, &self.about(record.id.into()))
                    .map_err(unwritable)?;
                upload.flush().await?;
                self.count(record.record_type.label(), 1);
            }
        }
        let mut pages = Pages::default();
        while let Some(files) = pages.next::<StoredFile>(self, None).await? {
            for stored in &files {
                let is_included = self.chart.has_object(stored).await?;
                if !is_included {
                    self.chart.missing.insert(stored.file.id);
                }
                bundle
                    .file(
                        &stored.file,
                        is_included,
                        &self.about(stored.file.id.into()),
                    )
                    .map_err(unwritable)?;
                upload.flush().await?;
            }
            self.count("FILE", files.len());
        }
        bundle.finish().map_err(unwritable)
    }

    async fn write_summary(
        &mut self,
        upload: &mut Upload<'_>,
        package: &mut Package<Buffer>,
        omissions: &[Omission],
    ) -> Result<(), Error> {
        let (patient, user) = (self.chart.patient().await?, self.chart.user().await?);
        let about_patient = self.about(patient.id.into());
        let mut summary = package
            .summary(&patient, Some(&user), &about_patient, omissions)
            .map_err(unwritable)?;
        for section in Section::ALL {
            summary.section(section).map_err(unwritable)?;
            let mut pages = Pages::default();
            match section {
                Section::Visits => {
                    while let Some(visits) = pages.next::<Appointment>(self, None).await? {
                        for visit in &visits {
                            summary
                                .visit(visit, &self.about(visit.id.into()))
                                .map_err(unwritable)?;
                            upload.flush().await?;
                        }
                    }
                }
                Section::Files => {
                    while let Some(files) = pages.next::<StoredFile>(self, None).await? {
                        for StoredFile { file, .. } in &files {
                            let is_included = !self.chart.missing.contains(&file.id);
                            summary
                                .file(file, is_included, &self.about(file.id.into()))
                                .map_err(unwritable)?;
                            upload.flush().await?;
                        }
                    }
                }
                _ => {
                    let types = section.record_types().iter().map(|one| one.label());
                    let types: Vec<_> = types.collect();
                    if types.is_empty() {
                        continue;
                    }
                    while let Some(records) =
                        pages.next::<MedicalRecord>(self, Some(&types)).await?
                    {
                        for record in &records {
                            summary
                                .record(record, &self.about(record.id.into()))
                                .map_err(unwritable)?;
                            upload.flush().await?;
                        }
                    }
                }
            }
        }
        summary.finish().map_err(unwritable)
    }

    async fn write_files(
        &mut self,
        upload: &mut Upload<'_>,
        package: &mut Package<Buffer>,
    ) -> Result<(), Error> {
        let mut pages = Pages::default();
        while let Some(files) = pages.next::<StoredFile>(self, None).await? {
            for stored in &files {
                if self.chart.missing.contains(&stored.file.id) {
                    continue;
                }
                let mut content = self.chart.content(stored).await?;
                let mut bytes = package.file(&stored.file).map_err(unwritable)?;
                while let Some(chunk) = content.next().await {
                    let chunk =
                        chunk.map_err(|_| Error::Unavailable("a file can't be read to its end"))?;
                    bytes.write(&chunk).map_err(unwritable)?;
                    upload.flush().await?;
                }
                bytes.finish().map_err(unwritable)?;
            }
        }
        Ok(())
    }

    async fn finish(self, stored: StoredPackage) -> Result<(), Error> {
        let begun = self.chart.begun;
        let contents = Jsonb(self.contents);
        let end = async |mut access: Access<InChart<ExportId>>| {
            access.add_note("attempt", begun.attempt);
            access.add_note("size", stored.size);
            access.add_note("is_ready", true);
            let parameters: [&dyn sql::Parameter; 5] = [
                &begun.id,
                &begun.attempt,
                &contents,
                &stored.size,
                &&*stored.sha256,
            ];
            let _: Option<()> = access.optional(sql(FINISH, &parameters)).await?;
            access.commit(Json(About(begun.patient_id))).await?;
            Ok(())
        };
        self.chart.job.audited(begun.target(), end).await
    }

    /// What was said about an entry.
    fn about(&self, entry: Uuid) -> Vec<Amendment> {
        self.amendments.get(&entry).cloned().unwrap_or_default()
    }

    fn count(&mut self, kind: &str, entries: usize) {
        if entries > 0 {
            *self.contents.entry(kind.to_owned()).or_default() += entries as i64;
        }
    }
}

fn is_full<T>(page: &[T]) -> bool {
    page.len() as i64 == PAGE
}

/// The place in a list that is read page by page.
#[derive(Default)]
struct Pages {
    after: Option<(Timestamp, Uuid)>,
    is_over: bool,
}

impl Pages {
    /// The next page. None after the last.
    async fn next<E: Entry>(
        &mut self,
        attempt: &mut Attempt<'_>,
        types: Option<&[&str]>,
    ) -> Result<Option<Vec<E>>, Error> {
        if self.is_over {
            return Ok(None);
        }
        let done = attempt.read / 2;
        let page: Vec<E> = attempt.chart.page(self.after, types, done).await?;
        attempt.read += page.len() as i32;
        self.after = page.last().map(Entry::key);
        self.is_over = !is_full(&page);
        Ok(Some(page))
    }
}

fn about(begun: Begun, clinic: &str, facts: Facts) -> Result<PackageFacts, Error> {
    let zone = Zone::named(&facts.time_zone)
        .ok_or(Error::Internal("the clinic's time zone is unknown"))?;
    Ok(PackageFacts {
        id: begun.id.into(),
        clinic: Clinic {
            uri: clinic.to_owned(),
            name: facts.clinic_name.unwrap_or_else(|| "The clinic".to_owned()),
            phone: facts.clinic_phone,
            email: facts.clinic_email,
            website: facts.clinic_website,
            address: facts.clinic_address,
        },
        patient: begun.patient_id.into(),
        recipient: facts
            .recipient_name
            .unwrap_or_else(|| "the patient".to_owned()),
        period: None,
        made_at: Timestamp::now(),
        zone,
        zone_name: facts.time_zone,
    })
}

/// What is left out, in plain words.
fn omission(exclusion: &Exclusion) -> Omission {
    let ground = match exclusion.ground {
        DenialGround::PsychotherapyNotes => "they are psychotherapy notes",
        DenialGround::LegalProceeding => "they were put together for a legal proceeding",
        DenialGround::Inmate => "a copy would put people in the correctional institution at risk",
        DenialGround::Research => "they belong to research that is not over",
        DenialGround::PrivacyAct => "the Privacy Act lets the clinic deny them",
        DenialGround::ConfidentialSource => "somebody gave them under a promise of confidentiality",
        DenialGround::EndangersLife => {
            "a health care professional decided that they could put somebody's life or safety at risk"
        }
        DenialGround::HarmsAnotherPerson => {
            "they are about another person too, and a health care professional decided that they could harm that person"
        }
        DenialGround::RepresentativeMayHarm => {
            "a health care professional decided that a representative's access to them could cause serious harm"
        }
    };
    Omission {
        entries: exclusion.entries.try_into().unwrap_or_default(),
        ground: ground.to_owned(),
        review: exclusion.is_reviewable.then(|| {
            "You can ask for a review by a licensed health care professional who took no part in this decision. Ask for it \
             in the patient portal with your request, or write to the clinic."
                .to_owned()
        }),
    }
}

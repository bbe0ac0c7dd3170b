//! Writes a Bundle of type `collection`, one resource at a time.
//!
//! The `fullUrl` of each entry is the UUID of its resource, and references name it, so that they resolve within the Bundle
//! (<https://hl7.org/fhir/R4/bundle.html#references>). A reference to what isn't in the Bundle is left out.

use std::io::{self, Write};

use domain::appointment::Appointment;
use domain::file::FileMetadata;
use domain::patient::Patient;
use domain::provider::Provider;
use domain::record::MedicalRecord;
use domain::time::Timestamp;
use domain::user::User;
use serde_json::{Value, json};
use uuid::Uuid;

use super::amendments::link;
use super::{Amendment, Chart, Clinic};

/// The resources of one entry of the chart, in the order in which a Bundle has them.
pub type Entries = Vec<(Uuid, Value)>;

/// Maps a chart entry by entry. Providers come first, then the patient, visits, records and files, because references point
/// to what came before.
impl Chart {
    /// The clinic.
    pub fn add_clinic(&mut self) -> Entries {
        self.added(vec![self.clinic.organization()])
    }

    /// A provider of the chart.
    pub fn add_provider(&mut self, provider: &Provider) -> Entries {
        let entries = self.provider(provider);
        self.added(entries)
    }

    /// The patient with the clinical parts. `user` is their account.
    pub fn add_patient(
        &mut self,
        patient: &Patient,
        user: Option<&User>,
        amendments: &[Amendment],
    ) -> Entries {
        let mut entries = vec![(patient.id.into(), self.patient(patient, user))];
        entries.extend(self.parts(patient));
        self.amended(entries, 0, amendments)
    }

    /// A visit. Archived visits are no part of a chart.
    pub fn add_visit(&mut self, visit: &Appointment, amendments: &[Amendment]) -> Entries {
        let entries = self.visit(visit);
        let itself = entries.len() - 1;
        self.amended(entries, itself, amendments)
    }

    /// A record. Archived records are no part of a chart.
    pub fn add_record(&mut self, record: &MedicalRecord, amendments: &[Amendment]) -> Entries {
        let entries = vec![(record.id.into(), self.record(record))];
        self.amended(entries, 0, amendments)
    }

    /// A file, with the URL of its bytes in the package if it has them.
    pub fn add_file(
        &mut self,
        file: &FileMetadata,
        url: Option<&str>,
        amendments: &[Amendment],
    ) -> Entries {
        let entries = vec![(file.id.into(), self.file(file, url))];
        self.amended(entries, 0, amendments)
    }

    fn amended(
        &mut self,
        mut entries: Entries,
        itself: usize,
        amendments: &[Amendment],
    ) -> Entries {
        if let Some((_, resource)) = entries.get_mut(itself) {
            link(resource, amendments);
        }
        entries.extend(amendments.iter().flat_map(|it| it.documents(self)));
        self.added(entries)
    }

    fn added(&mut self, entries: Entries) -> Entries {
        self.present.extend(entries.iter().map(|(id, _)| *id));
        entries
    }
}

/// A Bundle that is being written. It keeps the ids of the resources in memory, and nothing else of them.
#[derive(Debug)]
pub struct BundleWriter<W: Write> {
    out: W,
    chart: Chart,
    is_begun: bool,
}

impl<W: Write> BundleWriter<W> {
    /// Begins the Bundle with the clinic.
    ///
    /// # Errors
    /// The writer fails. The same holds for all other functions.
    pub fn begin(
        mut out: W,
        id: Uuid,
        made_at: Timestamp,
        clinic: Clinic,
        patient: Uuid,
    ) -> io::Result<Self> {
        let (id, made_at) = (json!(id), json!(made_at));
        write!(
            out,
            r#"{{"resourceType":"Bundle","id":{id},"type":"collection","timestamp":{made_at},"entry":["#
        )?;
        let mut writer = Self {
            out,
            chart: Chart::new(clinic, patient),
            is_begun: false,
        };
        let entries = writer.chart.add_clinic();
        writer.write(&entries)?;
        Ok(writer)
    }

    /// Writes a provider.
    pub fn provider(&mut self, provider: &Provider) -> io::Result<()> {
        let entries = self.chart.add_provider(provider);
        self.write(&entries)
    }

    /// Writes the patient.
    pub fn patient(
        &mut self,
        patient: &Patient,
        user: Option<&User>,
        amendments: &[Amendment],
    ) -> io::Result<()> {
        let entries = self.chart.add_patient(patient, user, amendments);
        self.write(&entries)
    }

    /// Writes a visit.
    pub fn visit(&mut self, visit: &Appointment, amendments: &[Amendment]) -> io::Result<()> {
        let entries = self.chart.add_visit(visit, amendments);
        self.write(&entries)
    }

    /// Writes a record.
    pub fn record(&mut self, record: &MedicalRecord, amendments: &[Amendment]) -> io::Result<()> {
        let entries = self.chart.add_record(record, amendments);
        self.write(&entries)
    }

    /// Writes a file.
    pub fn file(
        &mut self,
        file: &FileMetadata,
        url: Option<&str>,
        amendments: &[Amendment],
    ) -> io::Result<()> {
        let entries = self.chart.add_file(file, url, amendments);
        self.write(&entries)
    }

    /// Ends the Bundle.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.write_all(b"\n]}\n")?;
        Ok(self.out)
    }

    fn write(&mut self, entries: &Entries) -> io::Result<()> {
        for (id, resource) in entries {
            if self.is_begun {
                self.out.write_all(b",")?;
            }
            self.is_begun = true;
            let entry = json!({"fullUrl": id.urn().to_string(), "resource": resource});
            let mut line = vec![b'\n'];
            serde_json::to_writer(&mut line, &entry)?;
            self.out.write_all(&line)?;
        }
        Ok(())
    }
}

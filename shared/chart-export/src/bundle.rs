//! The FHIR Bundle of the package.

use std::collections::HashMap;
use std::io::{self, Write};

use domain::appointment::Appointment;
use domain::file::FileMetadata;
use domain::ids::ProviderId;
use domain::patient::Patient;
use domain::provider::Provider;
use domain::record::MedicalRecord;
use domain::user::User;
use fhir::export::{Amendment, BundleWriter};

use crate::member::Member;
use crate::package::file_path;

/// The Bundle that is being written. References point to what came before, so providers come first, then the patient, visits,
/// records and files.
#[derive(Debug)]
pub struct Bundle<'p, W: Write> {
    writer: BundleWriter<Member<'p, W>>,
    providers: HashMap<ProviderId, String>,
}

impl<'p, W: Write> Bundle<'p, W> {
    pub(crate) fn new(writer: BundleWriter<Member<'p, W>>) -> Self {
        Self {
            writer,
            providers: HashMap::new(),
        }
    }

    /// Writes a provider whom the chart names.
    ///
    /// # Errors
    /// The writer fails. The same holds for all other functions.
    pub fn provider(&mut self, provider: &Provider) -> io::Result<()> {
        let names = [&provider.first_name, &provider.last_name];
        let name: Vec<_> = names.into_iter().flatten().cloned().collect();
        self.providers.insert(provider.id, name.join(" "));
        self.writer.provider(provider)
    }

    /// Writes the patient. `user` is their account.
    pub fn patient(
        &mut self,
        patient: &Patient,
        user: Option<&User>,
        amendments: &[Amendment],
    ) -> io::Result<()> {
        self.writer.patient(patient, user, amendments)
    }

    /// Writes a visit.
    pub fn visit(&mut self, visit: &Appointment, amendments: &[Amendment]) -> io::Result<()> {
        self.writer.visit(visit, amendments)
    }

    /// Writes a record.
    pub fn record(&mut self, record: &MedicalRecord, amendments: &[Amendment]) -> io::Result<()> {
        self.writer.record(record, amendments)
    }

    /// Writes a file. `is_included` says whether its bytes follow in the package.
    pub fn file(
        &mut self,
        file: &FileMetadata,
        is_included: bool,
        amendments: &[Amendment],
    ) -> io::Result<()> {
        let path = is_included.then(|| file_path(file));
        self.writer.file(file, path.as_deref(), amendments)
    }

    /// Ends the Bundle.
    pub fn finish(self) -> io::Result<()> {
        let (package, _, _) = self.writer.finish()?.finish();
        package.providers = self.providers;
        Ok(())
    }
}

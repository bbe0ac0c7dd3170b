//! What to send for a bundle.

use std::path::PathBuf;

use client::Person;
use fhir::mapping::visits::Progress;
use serde_json::Value;

use crate::summary::{Complaint, Summary};

/// What to send for a bundle.
#[derive(Debug)]
pub struct Plan {
    /// The file it came from.
    pub file: PathBuf,
    /// The number of entries in the bundle.
    pub entries: usize,
    /// The patient, unless the bundle has none that can be imported.
    pub patient: Option<NewPatient>,
    /// The practitioners, in the bundle's order.
    pub providers: Vec<NewProvider>,
    /// The encounters, in the bundle's order.
    pub visits: Vec<NewVisit>,
    /// The records, in the bundle's order.
    pub records: Vec<NewRecord>,
    /// The resource types of the entries that aren't carried over.
    pub aside: Vec<String>,
    /// The entries with a fault, and the fault.
    pub bad: Vec<(Origin, String)>,
    /// What is carried over less precisely than the bundle says it.
    pub notes: Vec<Complaint>,
}

/// The entry that something came from.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The entry's index in the bundle, from 0.
    pub entry: usize,
    /// Its `fullUrl`.
    pub full_url: Option<String>,
    /// Its resource's type.
    pub kind: String,
}

/// A patient to create.
#[derive(Debug)]
pub struct NewPatient {
    /// The entry of the Patient.
    pub origin: Origin,
    /// The user to create.
    pub person: Person,
    /// Body of create-user.
    pub user: Value,
    /// Body of create-patient.
    pub patient: Value,
    /// The entries that became part of that body, with field and item.
    pub parts: Vec<(Origin, &'static str, Value)>,
}

/// A provider to create.
#[derive(Debug)]
pub struct NewProvider {
    /// The entry of the Practitioner.
    pub origin: Origin,
    /// The user to create.
    pub person: Person,
    /// Body of create-user.
    pub user: Value,
    /// Body of create-provider.
    pub provider: Value,
}

/// An appointment to create.
#[derive(Debug)]
pub struct NewVisit {
    /// The entry of the Encounter.
    pub origin: Origin,
    /// The provider, as an index into the plan's providers.
    pub provider: usize,
    /// Body of create-appointment without `patient_id` and `provider_id`.
    pub body: Value,
    /// Whether the visit is planned, has begun, took place or was missed.
    pub progress: Progress,
}

/// A medical record to create.
#[derive(Debug)]
pub struct NewRecord {
    /// The entry of the resource.
    pub origin: Origin,
    /// The author, as an index into the plan's providers.
    pub provider: usize,
    /// The visit, as an index into the plan's visits.
    pub visit: Option<usize>,
    /// Body of create-record without `patient_id` and `appointment_id`.
    pub body: Value,
}

impl Plan {
    /// Adds the entries that aren't sent to the summary, with their faults.
    pub fn account(&self, summary: &mut Summary) {
        for kind in &self.aside {
            summary.of(kind).not_imported += 1;
        }
        for (origin, reason) in &self.bad {
            summary.of(&origin.kind).failed += 1;
            summary.complain(self.complaint(origin, reason.clone()));
        }
        if self.patient.is_none() && !self.bad.iter().any(|(origin, _)| origin.kind == "Patient") {
            summary.complain(Complaint::of_file(&self.file, "holds no Patient"));
        }
        summary.notes.extend(self.notes.iter().cloned());
    }

    /// A complaint about an entry.
    pub fn complaint(&self, origin: &Origin, reason: String) -> Complaint {
        Complaint {
            file: self.file.clone(),
            entry: Some(origin.entry),
            full_url: origin.full_url.clone(),
            reason,
        }
    }
}

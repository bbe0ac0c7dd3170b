//! What to send for a bundle.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use client::Person;
use fhir::mapping::visits::Progress;
use serde_json::Value;

use crate::summary::{Complaint, Summary};

/// What to send for a file, or for several files whose resources refer to each other.
#[derive(Debug)]
pub struct Plan {
    /// The first file.
    pub file: PathBuf,
    /// The number of entries.
    pub entries: usize,
    /// The patients, in the order of their entries.
    pub patients: Vec<NewPatient>,
    /// The practitioners, in the order of their entries. Those of other files come last.
    pub providers: Vec<NewProvider>,
    /// The encounters, in the order of their entries.
    pub visits: Vec<NewVisit>,
    /// The records, in the order of their entries.
    pub records: Vec<NewRecord>,
    /// The resource types of the entries that aren't carried over.
    pub aside: Vec<String>,
    /// The entries that are left out or cancelled, of which an earlier import may have made something. They are in
    /// `aside`, too.
    pub withdrawn: Vec<Withdrawn>,
    /// The entries with a fault, and the fault.
    pub bad: Vec<(Origin, String)>,
    /// What is carried over less precisely than the source says it.
    pub notes: Vec<Complaint>,
    /// How often each element occurs that has no place in Caretrail, by its path.
    pub unmapped: BTreeMap<String, usize>,
}

/// The entry that something came from.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The file.
    pub file: Arc<str>,
    /// The entry's index in the file, from 0.
    pub entry: usize,
    /// Its `fullUrl`.
    pub full_url: Option<String>,
    /// Identifies it in its source system: its `external_id`.
    pub key: String,
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
    /// Whether the practitioner stands in another file, which counts them.
    pub is_elsewhere: bool,
}

/// An appointment to create.
#[derive(Debug)]
pub struct NewVisit {
    /// The entry of the Encounter.
    pub origin: Origin,
    /// The patient, as an index into the plan's patients.
    pub patient: usize,
    /// The provider, as an index into the plan's providers.
    pub provider: usize,
    /// Whether the source names no practitioner of the import, so that the first one stands for them.
    pub is_assumed: bool,
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
    /// The patient, as an index into the plan's patients.
    pub patient: usize,
    /// The author, as an index into the plan's providers.
    pub provider: usize,
    /// Whether the source names no practitioner of the import, so that the first one stands for them.
    pub is_assumed: bool,
    /// The visit, as an index into the plan's visits.
    pub visit: Option<usize>,
    /// Body of create-record without `patient_id` and `appointment_id`.
    pub body: Value,
}

/// An entry that says that something isn't so or is cancelled.
#[derive(Debug)]
pub struct Withdrawn {
    /// The entry.
    pub origin: Origin,
    /// The patient, as an index into the plan's patients.
    pub patient: usize,
    /// What an earlier import may have made of it.
    pub what: Former,
}

/// What an earlier import may have made of an entry.
#[derive(Debug)]
pub enum Former {
    /// A medical record.
    Record,
    /// An appointment that is left out.
    Visit,
    /// An appointment that is cancelled by now.
    CancelledVisit,
    /// An item of a field of the patient.
    Part(&'static str, Value),
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
        summary.notes.extend(self.notes.iter().cloned());
        for (path, count) in &self.unmapped {
            *summary.unmapped.entry(path.clone()).or_default() += count;
        }
    }

    /// A complaint about an entry.
    pub fn complaint(&self, origin: &Origin, reason: String) -> Complaint {
        Complaint {
            file: PathBuf::from(&*origin.file),
            entry: Some(origin.entry),
            full_url: origin.full_url.clone(),
            reason,
        }
    }
}

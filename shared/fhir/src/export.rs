//! What Caretrail's resources become in FHIR R4, shaped as US Core 7 asks where that is possible.
//!
//! What [`crate::mapping`] makes of an exported resource is what was exported, as far as an import carries it over. What R4
//! has no element for becomes an extension of this project: [docs/export.md](../../../docs/export.md) lists them.
//! <https://hl7.org/fhir/R4/>, <https://hl7.org/fhir/us/core/STU7/>

mod amendments;
mod builder;
mod bundle;
mod codes;
mod elements;
mod files;
mod lab_results;
mod parts;
mod people;
mod prescriptions;
mod records;
mod visits;

use std::collections::HashSet;

use uuid::Uuid;

pub use amendments::{Amendment, Statement, StatementKind};
pub use bundle::{BundleWriter, Entries};
pub use people::Clinic;

/// The chart that is exported: its patient, its clinic, and what references can point to.
#[derive(Debug)]
pub struct Chart {
    clinic: Clinic,
    patient: Uuid,
    present: HashSet<Uuid>,
}

impl Chart {
    /// The chart of a patient of this clinic, in which nothing can be referred to yet but these two.
    pub fn new(clinic: Clinic, patient: Uuid) -> Self {
        let present = HashSet::from([clinic.id(), patient]);
        Self {
            clinic,
            patient,
            present,
        }
    }
}

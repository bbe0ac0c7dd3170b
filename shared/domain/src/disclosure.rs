//! Says which patients' data an answer discloses.

use serde::Serialize;

use crate::ids::PatientId;

/// The body of an answer. It names the patients whose data it contains, because the audit row must name
/// them.
pub trait Content: Serialize {
    /// The patients whose data it contains. Empty if it contains no patient data.
    fn patients(&self) -> Vec<PatientId>;

    /// The patients whom it names by id alone, because they may be the same person. The audit row notes their ids.
    fn possible_duplicates(&self) -> &[PatientId] {
        &[]
    }

    /// The version of the resource, for the header `ETag`. None if it has no version.
    fn version(&self) -> Option<i32> {
        None
    }
}

//! Whose data an answer discloses.

use serde::Serialize;

use crate::ids::PatientId;

/// An answer's body. It says whose data it holds, so that the answer's audit row names every patient.
pub trait Content: Serialize {
    /// The patients whose data this is. Empty if it is no patient's data.
    fn patients(&self) -> Vec<PatientId>;

    /// The resource's version, for the header `ETag`.
    fn version(&self) -> Option<i32> {
        None
    }
}

//! What a FHIR resource becomes in Caretrail's API: plain JSON bodies, no request yet.

mod current;
pub mod people;
pub mod records;
pub mod visits;
mod words;

pub use words::Notes;

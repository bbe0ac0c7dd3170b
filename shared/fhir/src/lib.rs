//! FHIR R4: the resources that Caretrail reads and what they become in its API, and what its own resources become in FHIR.
//!
//! Knows no HTTP and no database. <https://hl7.org/fhir/R4/>
#![warn(missing_docs)]

pub mod bundle;
mod date_time;
pub mod export;
pub mod lookup;
pub mod mapping;
mod modifiers;
mod parse;
pub mod resources;

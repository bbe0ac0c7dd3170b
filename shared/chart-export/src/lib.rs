//! The package with a patient's chart: a ZIP with a summary to read, a FHIR Bundle, the files and a manifest.
//!
//! Knows no database and no HTTP. The caller passes over the chart twice, once for the Bundle and once for the summary, and
//! then over the bytes of the files. Everything is written at once, so the memory it takes doesn't depend on the length of
//! the chart, but for the ids of its entries. [docs/export.md](../../../docs/export.md) describes the format.
#![warn(missing_docs)]

mod buffer;
mod bundle;
mod member;
mod package;
mod summary;

pub use fhir::export::{Amendment, Clinic, Statement, StatementKind};

pub use buffer::Buffer;
pub use bundle::Bundle;
pub use package::{About, FileBytes, Package, file_path};
pub use summary::{Omission, Section, Summary};

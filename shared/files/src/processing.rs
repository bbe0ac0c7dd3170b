//! The transitions between the states of a file, shared by `process-upload`, `process-scan-result`
//! and `expire-uploads`.
//!
//! Each transition is one audited transaction. It updates the row only if the row is in a state that
//! allows the transition, so events may arrive twice, late, out of order or not at all. No transaction
//! is open while an object is read.

mod cleanup;
mod processor;
mod scan_result;
mod upload;

pub use processor::Processor;
pub use upload::Presence;

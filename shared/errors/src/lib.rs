//! What can go wrong with a request, and what the caller learns of it (RFC 9457).
#![warn(missing_docs)]

mod database;
mod error;
mod problem;

pub use database::{OnConstraint, is_link_failure, is_transient};
pub use error::Error;
pub use problem::{FieldError, Kind, PROBLEM_BASE, Problem};

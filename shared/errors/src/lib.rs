//! The errors of a request, and the problem responses that callers get for them (RFC 9457).
//!
//! This crate knows HTTP's status codes and PostgreSQL's error codes. It must not know any table,
//! endpoint or Lambda.
#![warn(missing_docs)]

mod catalogue;
mod database;
mod error;
mod field_error;
mod kind;
mod postgres;
mod problem;

pub use catalogue::{ProblemType, ProblemTypes, catalogue};
pub use database::{OnConstraint, caller_refused};
pub use error::{CHANGED_SINCE_IMPORT, Error};
pub use field_error::FieldError;
pub use kind::Kind;
pub use postgres::is_refusal;
pub use problem::{MOST_FAULTS, PROBLEM_BASE, Problem};

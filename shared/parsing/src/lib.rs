//! Parses JSON, merge patches and query strings into types. Errors name the field at fault.
//!
//! This crate knows serde and the error type. It must not know HTTP, Lambda or any resource. Its
//! messages say what was expected and never repeat what the caller sent, because that may be patient
//! data.
#![warn(missing_docs)]

mod fault;
mod form;
mod json;
mod merge_patch;
mod value;

pub use form::form;
pub use json::{json, typed};
pub use merge_patch::MergePatch;

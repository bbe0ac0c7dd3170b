//! Parses JSON, merge patches and query strings into types, and text into the one form in which it is kept.
//! Errors name the field at fault.
//!
//! This crate knows serde and the error type. It must not know HTTP, Lambda or any resource. Its
//! messages say what was expected and never repeat what the caller sent, because that may be patient
//! data.
#![warn(missing_docs)]

mod characters;
mod fault;
mod form;
mod json;
mod merge_patch;
mod number;
mod value;

pub use characters::{TextKind, fit_line, normal, unfit};
pub use form::form;
pub use json::{json, typed};
pub use merge_patch::MergePatch;

//! Parses JSON, merge patches and query strings into types, and text into the one form in which it is kept.
//! Errors name the field at fault.
//!
//! This crate knows serde and the error type. It must not know HTTP, Lambda or any resource. Its
//! messages say what was expected and never repeat what the caller sent, because that may be patient
//! data.
#![warn(missing_docs)]

mod characters;
mod codes;
mod expected;
mod fault;
mod form;
mod json;
mod merge_patch;
mod number;
mod path;
mod reader;
mod typed;

pub use characters::{TextKind, fit_line, normal, unfit};
pub use codes::{CodeForm, code_form, is_absolute_uri};
pub use expected::{expected, expected_field, expected_text};
pub use form::form;
pub use json::{Document, json};
pub use merge_patch::MergePatch;
pub use typed::{Sound, checked, received, typed};

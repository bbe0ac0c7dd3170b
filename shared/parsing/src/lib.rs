//! Parses what callers send into types, and names the field at fault.
//!
//! Messages say what a field's type expects. They never repeat what the caller sent, because that
//! may be patient data.
#![warn(missing_docs)]

mod fault;
mod form;
mod json;
mod merge_patch;
mod value;

pub use form::form;
pub use json::{json, typed};
pub use merge_patch::MergePatch;

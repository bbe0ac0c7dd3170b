//! The API's OpenAPI 3.1 document. It is made of the endpoints' `ENDPOINT`s and of the types in their
//! handlers' signatures. `events/` gives the examples.
//!
//! An endpoint is one line in this package's `Cargo.toml`. `UPDATE=1 cargo test -p openapi-document`
//! writes `openapi.json`; without `UPDATE` the same test compares the committed document.
#![warn(missing_docs)]

mod document;
mod event;
mod examples;
mod functions;
mod operation;
mod problems;
mod schemas;

pub use document::{PUBLIC, UNAUDITED, document};
pub use functions::{Function, functions};

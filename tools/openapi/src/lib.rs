//! The API's OpenAPI 3.1 document. It is made of the endpoints' `ENDPOINT`s and of the types in their
//! handlers' signatures. `events/` gives the examples. The AsyncAPI 3 document of the business events is made of
//! their types, with the same schemas.
//!
//! An endpoint is one line in this package's `Cargo.toml`. `UPDATE=1 cargo test -p openapi-document`
//! writes `openapi.json` and `asyncapi.json`; without `UPDATE` the same tests compare the committed documents.
#![warn(missing_docs)]

mod asyncapi;
mod document;
mod event;
mod events;
mod examples;
mod functions;
mod operation;
mod problems;
mod schemas;

pub use asyncapi::asyncapi;
pub use document::{PUBLIC, UNAUDITED, document};
pub use functions::{Function, functions};

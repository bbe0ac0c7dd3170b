//! Generates the API's OpenAPI 3.1 document from the endpoints: name, permission and answer from
//! their `ENDPOINT` and `handle`, route and purpose from their first line, shapes from the types
//! that parse and answer, examples from their events.
//!
//! An endpoint is one line in `operations.rs`. `UPDATE=1 cargo test -p openapi-document` writes
//! `openapi.json`. Without `UPDATE`, the same test compares the committed document with the code.

mod document;
mod examples;
mod operation;
mod operations;
mod problems;
mod schemas;
mod sources;

pub use document::document;

//! The API's OpenAPI 3.1 document, made of what the endpoints already say of themselves: name,
//! permission and answer of their `ENDPOINT` and `handle`, route and purpose of their first line,
//! shapes of the types that parse and answer, examples of their events.
//!
//! An endpoint is one line in `operations.rs`. `UPDATE=1 cargo test -p openapi-document` writes
//! `openapi.json`; without `UPDATE` the same test holds the committed document to the code.

mod document;
mod examples;
mod operation;
mod operations;
mod problems;
mod schemas;
mod sources;

pub use document::document;

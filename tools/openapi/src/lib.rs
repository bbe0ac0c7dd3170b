//! Generates the OpenAPI 3.1 document of the API from the endpoints. The name and permission come from
//! `ENDPOINT`, the answer from `handle`, the route and purpose from the first line of the source, the
//! schemas from the request and answer types, and the examples from the events.
//!
//! Each endpoint has one line in `operations.rs`. `UPDATE=1 cargo test -p openapi-document` writes
//! `openapi.json`. Without `UPDATE`, the test fails if the committed document differs from the code.

mod document;
mod examples;
mod operation;
mod operations;
mod problems;
mod schemas;
mod sources;

pub use document::document;

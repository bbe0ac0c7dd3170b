//! `GET /openapi.json`: this API as an OpenAPI 3.1 document.

use http::header::{CACHE_CONTROL, CONTENT_TYPE};

const DOCUMENT: &str = include_str!("../../../../openapi.json");

fn main() -> Result<(), shared::lambda::Failure> {
    let headers = vec![
        (CONTENT_TYPE, "application/json".to_owned()),
        (CACHE_CONTROL, "public, max-age=300".to_owned()),
    ];
    shared::lambda::serve_document("openapi", headers, DOCUMENT.to_owned())
}

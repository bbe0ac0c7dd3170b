//! The Lambda `asyncapi`.

use http::header::{CACHE_CONTROL, CONTENT_TYPE};

const DOCUMENT: &str = include_str!("../../../../asyncapi.json");

fn main() -> Result<(), api::lambda::Failure> {
    let headers = vec![
        (CONTENT_TYPE, "application/json".to_owned()),
        (CACHE_CONTROL, "public, max-age=300".to_owned()),
    ];
    api::lambda::serve_document(asyncapi::ENDPOINT, headers, DOCUMENT.to_owned())
}

//! The Lambda `openapi`.

const DOCUMENT: &str = include_str!("../../../../openapi.json");

fn main() -> Result<(), api::lambda::Failure> {
    api::lambda::serve_json_document(openapi::ENDPOINT, DOCUMENT)
}

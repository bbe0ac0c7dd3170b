//! The Lambda `asyncapi`.

const DOCUMENT: &str = include_str!("../../../../asyncapi.json");

fn main() -> Result<(), api::lambda::Failure> {
    api::lambda::serve_json_document(asyncapi::ENDPOINT, DOCUMENT)
}

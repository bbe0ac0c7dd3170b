//! The Lambda `answer-unknown-route`.

use answer_unknown_route::{ENDPOINT, allowed};
use errors::Error;
use serde_json::Value;

const DOCUMENT: &str = include_str!("../../../../openapi.json");

fn main() -> Result<(), api::lambda::Failure> {
    let document: Value = serde_json::from_str(DOCUMENT)?;
    let paths = document["paths"].as_object().cloned().unwrap_or_default();
    api::lambda::serve_public(ENDPOINT, move |request| {
        Err(match allowed(&paths, request.path()) {
            Some(methods) => Error::MethodNotAllowed(methods),
            None => Error::NoRoute,
        })
    })
}

//! `$default`: answers the requests that no other route takes.

use api::endpoint::PublicEndpoint;
use serde_json::{Map, Value};

pub const ENDPOINT: PublicEndpoint = PublicEndpoint::default_route()
    .named(env!("CARGO_PKG_NAME"))
    .summary("Answers the requests that no other route takes");

/// The methods of the operations that have this path, separated by commas (RFC 9110, 10.2.1). None if no
/// operation has it. `paths` is that part of the OpenAPI document.
pub fn allowed(paths: &Map<String, Value>, path: &str) -> Option<String> {
    let found = paths.iter().filter(|(template, _)| fits(template, path));
    let operations = found.filter_map(|(_, operations)| operations.as_object());
    let mut methods: Vec<_> = operations
        .flat_map(Map::keys)
        .map(|method| method.to_uppercase())
        .collect();
    // The document says once that each path with GET also has HEAD.
    if methods.iter().any(|method| method == "GET") {
        methods.push("HEAD".to_owned());
    }
    methods.sort();
    methods.dedup();
    (!methods.is_empty()).then(|| methods.join(", "))
}

fn fits(template: &str, path: &str) -> bool {
    let (expected, given) = (template.split('/'), path.split('/'));
    expected.clone().count() == given.clone().count()
        && expected
            .zip(given)
            .all(|(expected, given)| match expected.starts_with('{') {
                true => !given.is_empty(),
                false => expected == given,
            })
}

//! Reads an endpoint's first line and its event.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

/// A function as described by its files.
pub(crate) struct Source {
    /// The name of the parent folder, for example `patients`.
    pub(crate) resource: String,
    /// The method, in lower case as in OpenAPI.
    pub(crate) method: String,
    /// The path with its parameters in braces.
    pub(crate) path: String,
    /// The purpose in one sentence.
    pub(crate) summary: String,
    /// Whether it requires the version that the caller knows.
    pub(crate) asks_if_match: bool,
    /// Whether the version may be omitted if the resource doesn't exist yet.
    pub(crate) may_make: bool,
    event: Value,
}

/// The workspace's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

impl Source {
    /// Reads `functions/*/PACKAGE` and `events/PACKAGE.json`.
    ///
    /// # Panics
    /// Panics if one is missing or doesn't begin with its route. The tidy tests report
    /// this more clearly.
    pub(crate) fn of(package: &str) -> Self {
        let folders = fs::read_dir(root().join("functions")).expect("functions/");
        let folder = folders
            .filter_map(|folder| Some(folder.ok()?.path().join(package)))
            .find(|folder| folder.is_dir())
            .unwrap_or_else(|| panic!("no folder functions/*/{package}"));
        let text = fs::read_to_string(folder.join("src/lib.rs"))
            .or_else(|_| fs::read_to_string(folder.join("src/main.rs")))
            .unwrap_or_else(|error| panic!("{package}: {error}"));
        let resource = folder.parent().and_then(Path::file_name);
        let (route, summary) = text
            .lines()
            .next()
            .and_then(|line| line.strip_prefix("//! `")?.split_once("`: "))
            .unwrap_or_else(|| panic!("{package} doesn't begin with //! `METHOD /path`: purpose"));
        let (method, path) = route.split_once(' ').expect("METHOD /path");
        // A summary is one line. Further lines are for readers of the code.
        let sentence = summary.split(". ").next().unwrap_or(summary);
        let mut letters = sentence.trim_end_matches('.').chars();
        let summary = letters
            .next()
            .map(|first| first.to_uppercase().chain(letters).collect())
            .unwrap_or_default();
        let event = fs::read(root().join(format!("events/{package}.json"))).expect("its event");
        Self {
            resource: resource.unwrap_or_default().to_string_lossy().into_owned(),
            method: method.to_lowercase(),
            path: path.to_owned(),
            summary,
            asks_if_match: text.contains(".if_match()"),
            may_make: text.contains(".if_match())"),
            event: serde_json::from_slice(&event).expect("its event is JSON"),
        }
    }

    /// Returns the names in the path's braces.
    pub(crate) fn path_parameters(&self) -> impl Iterator<Item = &str> {
        let segments = self.path.split('/');
        segments.filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
    }

    /// Returns the event's value for a path parameter.
    pub(crate) fn path_example(&self, name: &str) -> &Value {
        &self.event["pathParameters"][name]
    }

    /// Returns the event's value for a query parameter.
    pub(crate) fn query_example(&self, name: &str) -> Option<&Value> {
        self.event["queryStringParameters"].get(name)
    }

    /// Returns the event's body.
    pub(crate) fn body_example(&self) -> Option<Value> {
        serde_json::from_str(self.event["body"].as_str()?).ok()
    }

    /// Whether the endpoint changes something.
    pub(crate) fn writes(&self) -> bool {
        self.method != "get"
    }
}

/// Converts `get-patient` to `GetPatient`.
pub(crate) fn pascal_case(package: &str) -> String {
    let words = package.split('-').filter(|word| !word.is_empty());
    words
        .map(|word| word[..1].to_uppercase() + &word[1..])
        .collect()
}

/// Returns the members of a JSON object.
pub(crate) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

//! What the files of an endpoint say: the first line of its source, and its event.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

/// An endpoint as its files describe it.
pub(crate) struct Source {
    /// The name of the folder that contains the package, for example `patients`.
    pub(crate) resource: String,
    /// The HTTP method in lower case, as OpenAPI requires.
    pub(crate) method: String,
    /// The path with its parameters in braces, for example `/v1/patients/{id}`.
    pub(crate) path: String,
    /// The purpose of the endpoint in one sentence.
    pub(crate) summary: String,
    /// Whether the endpoint reads the `If-Match` header.
    pub(crate) asks_if_match: bool,
    /// Whether `If-Match` may be missing if the resource doesn't exist yet.
    pub(crate) may_make: bool,
    event: Value,
}

/// The root folder of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

impl Source {
    /// Reads `functions/*/PACKAGE` and `events/PACKAGE.json`.
    ///
    /// # Panics
    /// If a file is missing or its first line has no route. The tidy tests explain how to fix that.
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
        // The summary is the first sentence of the first line. The rest is for readers of the code.
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

    /// The names of the path parameters.
    pub(crate) fn path_parameters(&self) -> impl Iterator<Item = &str> {
        let segments = self.path.split('/');
        segments.filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
    }

    /// The value of a path parameter in the event.
    pub(crate) fn path_example(&self, name: &str) -> &Value {
        &self.event["pathParameters"][name]
    }

    /// The value of a query parameter in the event, if it has one.
    pub(crate) fn query_example(&self, name: &str) -> Option<&Value> {
        self.event["queryStringParameters"].get(name)
    }

    /// The body in the event, if it has one.
    pub(crate) fn body_example(&self) -> Option<Value> {
        serde_json::from_str(self.event["body"].as_str()?).ok()
    }

    /// Whether the endpoint can change data.
    pub(crate) fn writes(&self) -> bool {
        self.method != "get"
    }
}

/// `get-patient` as `GetPatient`.
pub(crate) fn pascal_case(package: &str) -> String {
    let words = package.split('-').filter(|word| !word.is_empty());
    words
        .map(|word| word[..1].to_uppercase() + &word[1..])
        .collect()
}

/// The members of a JSON object.
pub(crate) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

//! The descriptions in `openapi.json` and `asyncapi.json` are sentences in plain English that an outsider understands.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::none;
use crate::project::PROJECT;

const FEWEST_WORDS: usize = 4;

/// Words that a description must not contain: they presume a person's gender, or make a sentence hard
/// to read, or mean something only to this project's developers.
const REFUSED_WORDS: [&str; 20] = [
    "she",
    "her",
    "hers",
    "herself",
    "he",
    "him",
    "his",
    "himself",
    "whose",
    "who keeps",
    "who writes",
    "who verifies",
    "for who",
    "is none",
    "none where",
    "stands",
    "is told",
    "the word of",
    "seed",
    "called off",
];

/// A sentence that begins with one of these is a fragment, also behind a preposition: "By whom."
const QUESTIONS: [&str; 8] = [
    "who", "whom", "what", "which", "why", "when", "where", "how",
];
const PREPOSITIONS: [&str; 11] = [
    "as", "by", "for", "from", "in", "of", "on", "since", "to", "until", "with",
];

#[test]
fn a_description_is_a_sentence_in_plain_english_and_no_other_field_has_it() {
    let openapi = document("openapi.json");
    let openapi = Texts::of(&openapi);
    assert!(openapi.found.len() > 500, "the descriptions are read");
    let asyncapi = document("asyncapi.json");
    let mut asyncapi = Texts::of(&asyncapi);
    assert!(asyncapi.found.len() > 200, "the descriptions are read");
    // Those that both have are found once.
    asyncapi.found.retain(|text| !openapi.found.contains(text));
    none(
        openapi.problems().into_iter().chain(asyncapi.problems()),
        "say in a sentence what the field is to somebody who doesn't know this project: its meaning, unit \
         and format, and when it is null. Change the doc comment of the field or type, then run \
         UPDATE=1 cargo test -p openapi-document",
    );
}

fn document(file: &str) -> Value {
    serde_json::from_str(&PROJECT.text(file)).expect("the document is JSON")
}

/// The descriptions of the document.
#[derive(Default)]
struct Texts<'a> {
    found: Vec<Text<'a>>,
    /// Fields, parameters, headers and responses without a description.
    missing: Vec<String>,
}

#[derive(PartialEq)]
struct Text<'a> {
    /// The schema and field, or the operation and parameter.
    place: String,
    /// The schema or operation whose fields must have different descriptions. Empty for a description
    /// that is compared with no other.
    of: String,
    text: &'a str,
}

impl<'a> Texts<'a> {
    fn of(document: &'a Value) -> Self {
        let mut texts = Self::default();
        for (name, schema) in members(&document["components"]["schemas"]) {
            texts.collect(schema, name, "");
        }
        for part in ["headers", "parameters", "responses", "securitySchemes"] {
            for (name, value) in members(&document["components"][part]) {
                texts.named(value, format!("{part} {name}"), part);
            }
        }
        for part in ["servers", "channels", "operations"] {
            for (name, value) in members(&document[part]) {
                texts.collect(value, &format!("{part} {name}"), "");
            }
        }
        for (name, message) in members(&document["components"]["messages"]) {
            texts.named(message, format!("messages {name}"), "messages");
        }
        for (path, operations) in members(&document["paths"]) {
            for (method, operation) in members(operations) {
                texts.collect(operation, &format!("{} {path}", method.to_uppercase()), "");
            }
        }
        texts
    }

    /// Adds the description of something that must have one.
    fn named(&mut self, value: &'a Value, place: String, of: &str) {
        let described = ["description", "summary", "$ref"];
        if described.iter().all(|field| value.get(field).is_none()) {
            self.missing.push(place.clone());
        }
        self.collect(value, &place, of);
    }

    /// Adds the description of `value` and all descriptions within it.
    fn collect(&mut self, value: &'a Value, place: &str, of: &str) {
        // An operation of OpenAPI has a title as its summary, and everything in AsyncAPI a sentence.
        if let Some(text) = value["summary"]
            .as_str()
            .filter(|_| value.get("operationId").is_none())
        {
            self.add(format!("{place} summary"), of, text);
        }
        if let Some(text) = value["description"].as_str() {
            // An enum describes each label in a line of its own.
            let mut parts = text.split("\n- `");
            self.add(place.to_owned(), of, parts.next().unwrap_or_default());
            for (label, meaning) in parts.filter_map(|part| part.split_once("`: ")) {
                self.add(
                    format!("{place}.{label}"),
                    &format!("the labels of {place}"),
                    meaning,
                );
            }
        }
        for (key, child) in members(value) {
            match key.as_str() {
                "example" | "examples" | "enum" | "const" | "default" | "description" => {}
                "properties" => {
                    for (name, field) in members(child) {
                        // The only field of a choice is described by the choice.
                        match members(child).count() == 1 && value.get("description").is_some() {
                            true => self.collect(field, &format!("{place}.{name}"), place),
                            false => self.named(field, format!("{place}.{name}"), place),
                        }
                    }
                }
                // In AsyncAPI, headers are one schema.
                "headers" | "responses" if child.get("$ref").or(child.get("type")).is_none() => {
                    for (name, part) in members(child) {
                        self.named(
                            part,
                            format!("{place} {key} {name}"),
                            &format!("{place} {key}"),
                        );
                    }
                }
                "parameters" => {
                    for parameter in child.as_array().into_iter().flatten() {
                        let text = |field: &str| parameter[field].as_str().unwrap_or_default();
                        let name = format!("{place} {} parameter {}", text("in"), text("name"));
                        self.named(parameter, name, place);
                    }
                }
                "anyOf" | "oneOf" | "allOf" => {
                    for (number, choice) in (1..).zip(child.as_array().into_iter().flatten()) {
                        self.collect(
                            choice,
                            &format!("{place} choice {number}"),
                            &format!("{place} choices"),
                        );
                    }
                }
                _ => self.collect(child, place, ""),
            }
        }
    }

    fn add(&mut self, place: String, of: &str, text: &'a str) {
        let of = of.to_owned();
        self.found.push(Text { place, of, text });
    }

    /// The faults of all descriptions.
    fn problems(&self) -> Vec<String> {
        let missing = self
            .missing
            .iter()
            .map(|place| format!("{place}: has no description"));
        let faults = self.found.iter().flat_map(|text| {
            let faults = faults(text.text).into_iter();
            faults.map(|fault| format!("{}: {fault}: {:?}", text.place, text.text))
        });
        let mut first: BTreeMap<(&str, &str), &str> = BTreeMap::new();
        let mut repeated = Vec::new();
        for Text { place, of, text } in self.found.iter().filter(|text| !text.of.is_empty()) {
            match first.get(&(of.as_str(), *text)) {
                Some(other) => repeated.push(format!("{place}: is described as {other}: {text:?}")),
                None => drop(first.insert((of, text), place)),
            }
        }
        missing.chain(faults).chain(repeated).collect()
    }
}

/// What is wrong with a description, if anything.
fn faults(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if text.split_whitespace().count() < FEWEST_WORDS {
        faults.push(format!("has fewer than {FEWEST_WORDS} words"));
    }
    if !text.ends_with('.') {
        faults.push("doesn't end with a full stop".to_owned());
    }
    if !text.starts_with(|first: char| first.is_uppercase() || first == '`') {
        faults.push("doesn't begin with a capital letter".to_owned());
    }
    // "If there is none" is plain; "an id that is none", for one that isn't valid, is not.
    let whole = words(text).replace(" there is none ", " ");
    for word in REFUSED_WORDS {
        if whole.contains(&format!(" {word} ")) {
            faults.push(format!("contains `{word}`"));
        }
    }
    for sentence in text.split(['.', '\n']).map(words) {
        let mut opening = sentence
            .split_whitespace()
            .skip_while(|word| PREPOSITIONS.contains(word));
        if opening.next().is_some_and(|word| QUESTIONS.contains(&word)) {
            faults.push(format!("has a fragment, `{}`", sentence.trim()));
        }
    }
    faults
}

/// The words in lower case, each between two spaces.
fn words(text: &str) -> String {
    let lower = text.to_lowercase();
    let words = lower.split(|letter: char| !letter.is_alphanumeric() && letter != '\'');
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    format!(" {} ", words.join(" "))
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

#[test]
fn fragments_and_riddles_are_found() {
    for text in [
        "Whose.",
        "By whom the record was written.",
        "The patient's rating, shown to her alone.",
        "The hold that stands until it ends.",
        "The time of the change",
        "the time of the change.",
        "A version of the record. When it was written.",
        "For who keeps the register.",
        "A date in the list that is none to the database.",
    ] {
        assert!(!faults(text).is_empty(), "{text}");
    }
    for text in [
        "The time of the change (RFC 3339, UTC). Null for the booking.",
        "`true` if the response is repeated.",
        "The weather over there: they understand it.",
        "The end of the plan. Absent if there is none.",
    ] {
        assert_eq!(faults(text), Vec::<String>::new(), "{text}");
    }
}

//! Checks that the documents of business events list their types, with examples that are valid.

use std::fmt::Write as _;
use std::fs;

use business_events::EventType;
use serde_json::{Map, Value, json};
use tests::event_schemas::{faults, validator};

use crate::none;
use crate::project::PROJECT;

const PAGE: &str = "docs/events.md";

/// The table of types is between these marks.
const BEGIN: &str = "<!-- generated -->\n";
const END: &str = "<!-- end of what is generated -->\n";

fn table() -> String {
    let mut text = "\n| subject | type | when |\n|---|---|---|\n".to_owned();
    let mut former = "";
    for kind in EventType::ALL {
        let subject = match kind.subject() {
            subject if subject == former => String::new(),
            subject => format!("`{subject}` "),
        };
        former = kind.subject();
        let label = kind.label().trim_end_matches(".v1");
        writeln!(text, "| {subject}| `{label}` | {} |", kind.meaning()).expect("a String grows");
    }
    text + "\n"
}

#[test]
fn the_page_of_events_lists_the_types_with_their_meanings() {
    let committed = PROJECT.text(PAGE);
    let (introduction, rest) = committed.split_once(BEGIN).expect("the first mark");
    let (_, rest) = rest.split_once(END).expect("the second mark");
    let expected = format!("{introduction}{BEGIN}{}{END}{rest}", table());
    if std::env::var_os("UPDATE").is_some() {
        fs::write(PROJECT.root.join(PAGE), &expected).expect(PAGE);
        return;
    }
    none(
        (committed != expected)
            .then(|| format!("{PAGE} differs from shared/business-events/src/event_type.rs")),
        "run UPDATE=1 cargo test -p tests --test tidy",
    );
}

fn asyncapi() -> Value {
    serde_json::from_str(&PROJECT.text("asyncapi.json")).expect("asyncapi.json is JSON")
}

#[test]
fn each_message_has_an_example_that_its_own_schemas_accept() {
    let document = asyncapi();
    let messages = document["components"]["messages"]
        .as_object()
        .expect("messages");
    let mut problems = Vec::new();
    for kind in EventType::ALL {
        let Some(message) = messages.get(kind.label()) else {
            problems.push(format!("{}: has no message", kind.label()));
            continue;
        };
        let example = &message["examples"][0];
        problems.extend(faults(&example["payload"]));
        for part in ["headers", "payload"] {
            let errors = validator(&document, &message[part]);
            let errors = errors.iter_errors(&example[part]);
            problems.extend(errors.map(|error| format!("{} {part}: {error}", kind.label())));
        }
    }
    let page = &messages["events-page"];
    let errors = validator(&document, &page["payload"]);
    let errors = errors.iter_errors(&page["examples"][0]["payload"]);
    problems.extend(errors.map(|error| format!("events-page: {error}")));
    none(
        problems,
        "change the example of the type in shared/business-events/src/event_type.rs",
    );
}

#[test]
fn a_message_refuses_the_event_of_another_type_an_unknown_member_and_null() {
    let document = asyncapi();
    let messages = &document["components"]["messages"];
    let booked = &messages["appointment.booked.v1"];
    let schema = validator(&document, &booked["payload"]);
    for other in ["appointment.moved.v1", "record.added.v1"] {
        assert!(
            !schema.is_valid(&messages[other]["examples"][0]["payload"]),
            "{other}"
        );
    }
    let example = &booked["examples"][0]["payload"];
    assert!(schema.is_valid(example));
    let mut other = example.clone();
    other["subject"] = json!("files/1");
    assert!(!schema.is_valid(&other));
    for (member, value) in [
        ("diagnosis", json!("text")),
        ("status", Value::Null),
        ("former_status", Value::Null),
        ("version", json!(0)),
    ] {
        let mut example = example.clone();
        example["data"][member] = value;
        assert!(!schema.is_valid(&example), "{member}");
    }
}

#[test]
fn both_documents_have_the_same_schemas_of_events() {
    let openapi =
        serde_json::from_str(&PROJECT.text("openapi.json")).expect("openapi.json is JSON");
    let schemas = |document: &Value| -> Map<String, Value> {
        let schemas = document["components"]["schemas"]
            .as_object()
            .expect("schemas");
        let schemas = schemas.iter().filter(|(name, _)| name.contains("Event"));
        schemas
            .map(|(name, schema)| (name.clone(), schema.clone()))
            .collect()
    };
    let (mut ours, mut theirs) = (schemas(&openapi), schemas(&asyncapi()));
    let (whole, choice) = (ours.remove("BusinessEvent"), theirs.remove("BusinessEvent"));
    let (whole, choice) = (whole.expect("the schema"), choice.expect("the schema"));
    assert_eq!(whole["oneOf"], choice["oneOf"]);
    assert_eq!(ours, theirs);
    let mapped = whole["discriminator"]["mapping"].as_object().map(Map::len);
    assert_eq!(mapped, Some(EventType::ALL.len()));
}

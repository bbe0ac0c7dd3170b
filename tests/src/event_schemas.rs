//! The schemas of business events in the AsyncAPI document, made strict: they refuse members that they don't name.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::world::World;

/// The payload of each message, by the name of the message.
static PAYLOADS: LazyLock<BTreeMap<String, Validator>> = LazyLock::new(|| {
    let document = openapi_document::asyncapi();
    let messages = document["components"]["messages"].as_object().unwrap();
    let payloads = messages
        .values()
        .filter(|message| message.get("payload").is_some());
    let validators = payloads.map(|message| {
        let name = message["name"].as_str().unwrap();
        (name.to_owned(), validator(&document, &message["payload"]))
    });
    validators.collect()
});

/// Returns a validator for a schema that refers to the schemas of the document.
pub fn validator(document: &Value, schema: &Value) -> Validator {
    let mut whole = schema.clone();
    whole["components"] = document["components"].clone();
    let schemas = whole["components"]["schemas"].as_object_mut().unwrap();
    for schema in schemas.values_mut() {
        if schema.get("properties").is_some() {
            schema["additionalProperties"] = json!(false);
        }
    }
    let options = jsonschema::draft202012::options().should_validate_formats(true);
    options.build(&whole).unwrap()
}

/// Returns what is wrong with an event, as its type says. A type without a message is wrong.
pub fn faults(event: &Value) -> Vec<String> {
    let kind = event["type"].as_str().unwrap_or_default();
    let Some(payload) = PAYLOADS.get(kind) else {
        return vec![format!("{kind} has no message in asyncapi.json")];
    };
    let errors = payload.iter_errors(event);
    errors
        .map(|error| format!("{kind}{}: {error}", error.instance_path()))
        .collect()
}

impl World {
    /// Asserts that each event in the database fits the schema of its type. Returns the labels of their types, as often
    /// as there are events.
    pub async fn every_event_fits(&self) -> Vec<String> {
        let stored = "select id, type, subject, sequence, time, data from business_events order by rank, number";
        let stored = self.rows(stored, &[]).await;
        let mut types = Vec::new();
        for event in stored {
            let label = event["type"].as_str().unwrap();
            let event = json!({
                "specversion": "1.0", "id": event["id"], "source": "urn:caretrail:local",
                "type": format!("caretrail.{label}"), "subject": event["subject"], "time": event["time"],
                "datacontenttype": "application/json", "sequence": event["sequence"].to_string(),
                "sequencetype": "Integer", "data": event["data"]
            });
            assert_eq!(faults(&event), Vec::<String>::new(), "{event}");
            types.push(label.to_owned());
        }
        types
    }
}

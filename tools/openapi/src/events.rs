//! The schemas of business events: one variant for each kind of data, told apart by `type`.

use business_events::EventType;
use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

use crate::schemas::{SCHEMAS, without_null};

/// What the derived schema of an event is called.
const EVENT: &str = "BusinessEvent";

/// What the name of the schema of data ends with, behind the name of its variant.
const DATA: &str = "Data";

/// Returns the schema of a business event as a choice between its variants, and the variants. Each has the types of its
/// events and their data, so a client that looks at the type knows the data. Empty if the document has no events.
pub(crate) fn by_type(generator: &mut SchemaGenerator) -> Map<String, Value> {
    let Some(whole) = generator.definitions().get(EVENT).cloned() else {
        return Map::new();
    };
    let mut variants = Map::new();
    let mut mapping = Map::new();
    for kind in EventType::ALL {
        let name = variant_name(*kind, generator);
        let data = generator.definitions()[&format!("{name}{DATA}")].clone();
        let variant = variants
            .entry(name.clone())
            .or_insert_with(|| variant(&whole, *kind, &name, &data));
        if let Some(types) = variant["properties"]["type"]["oneOf"].as_array_mut() {
            types.push(json!({"const": kind.name(), "description": kind.meaning()}));
        }
        mapping.insert(kind.name(), json!(format!("{SCHEMAS}/{name}")));
    }
    let choices = variants
        .keys()
        .map(|name| json!({"$ref": format!("{SCHEMAS}/{name}")}));
    let choices: Vec<_> = choices.collect();
    variants.insert(
        EVENT.to_owned(),
        json!({
            "description": whole["description"],
            "oneOf": choices,
            "discriminator": {"propertyName": "type", "mapping": mapping},
        }),
    );
    variants
}

/// The name of the variant that events of this type have, such as `AppointmentEvent`.
pub(crate) fn variant_name(kind: EventType, generator: &mut SchemaGenerator) -> String {
    let data = kind.data(generator).to_value();
    let data = data["$ref"].as_str().unwrap_or_default();
    let name = data.rsplit('/').next().unwrap_or_default();
    name.trim_end_matches(DATA).to_owned()
}

fn variant(whole: &Value, kind: EventType, name: &str, data: &Value) -> Value {
    let mut variant = whole.clone();
    let described = data["description"].as_str().unwrap_or_default();
    variant["description"] =
        json!(described.replacen("The data of an event", "A business event", 1));
    let data = format!("{SCHEMAS}/{name}{DATA}");
    for (field, schema) in [
        (
            "traceid",
            without_null(whole["properties"]["traceid"].clone()),
        ),
        (
            "type",
            json!({"description": whole["properties"]["type"]["description"], "oneOf": []}),
        ),
        ("subject", subject(&whole["properties"]["subject"], kind)),
        (
            "data",
            json!({"$ref": data, "description": whole["properties"]["data"]["description"]}),
        ),
    ] {
        variant["properties"][field] = schema;
    }
    variant
}

/// The schema of the subject, with the form that subjects of this type have.
fn subject(whole: &Value, kind: EventType) -> Value {
    let form = kind.subject();
    let with = |fill: fn(&str) -> &str| {
        let parts = form.split('/').map(|part| match part.strip_prefix('{') {
            Some(member) => fill(member.trim_end_matches('}')),
            None => part,
        });
        parts.collect::<Vec<_>>().join("/")
    };
    json!({
        "type": "string",
        "description": format!("{} It has the form `{form}`.", whole["description"].as_str().unwrap_or_default()),
        "pattern": format!("^{}$", with(|_| "[^/]+")),
        "examples": [with(|member| match member {
            "basis" => "visit",
            "role" => "NURSE",
            _ => "0190a5e4-7c1b-7d2e-8f30-4a5b6c7d8e04",
        })],
    })
}

/// An optional member of data is left out, and never null.
pub(crate) fn leave_out_null(schemas: &mut Map<String, Value>) {
    let data = schemas
        .iter_mut()
        .filter(|(name, _)| name.ends_with("EventData"));
    for (_, schema) in data {
        let members = schema["properties"].as_object_mut().into_iter().flatten();
        for (_, member) in members {
            *member = without_null(member.take());
        }
    }
}

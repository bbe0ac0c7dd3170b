//! Examples of answers, made from their schemas and filled with values from the events.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// Values from the examples of requests, by the name of their field.
pub(crate) type Known = BTreeMap<String, Value>;

/// Adds an example to every answer in the document.
pub(crate) fn add(document: &mut Value) {
    let mut known = Known::new();
    for operation in operations(&mut document["paths"]) {
        for (_, content) in contents(operation.get_mut("requestBody")) {
            if let Value::Object(fields) = &content["example"] {
                for (name, value) in fields {
                    known.entry(name.clone()).or_insert_with(|| value.clone());
                }
            }
        }
    }
    let schemas = document["components"]["schemas"].take();
    for operation in operations(&mut document["paths"]) {
        let answers = operation["responses"].as_object_mut();
        for (_, answer) in answers.into_iter().flatten() {
            for (media_type, content) in contents(Some(answer)) {
                if media_type == "application/json" && content.get("example").is_none() {
                    content["example"] = sample(&content["schema"], "", &schemas, &known);
                }
            }
        }
    }
    document["components"]["schemas"] = schemas;
}

fn operations(paths: &mut Value) -> impl Iterator<Item = &mut Value> {
    let paths = paths.as_object_mut().into_iter().flat_map(Map::values_mut);
    paths.flat_map(|path| path.as_object_mut().into_iter().flat_map(Map::values_mut))
}

fn contents(carrier: Option<&mut Value>) -> impl Iterator<Item = (&String, &mut Value)> {
    let content = carrier.and_then(|carrier| carrier.get_mut("content")?.as_object_mut());
    content.into_iter().flatten()
}

/// A value that satisfies the schema, for a field of this name.
pub(crate) fn sample(schema: &Value, name: &str, schemas: &Value, known: &Known) -> Value {
    let inner = |schema: &Value, name: &str| sample(schema, name, schemas, known);
    if let Some(reference) = schema["$ref"].as_str() {
        let target = reference.rsplit('/').next().unwrap_or_default();
        return match known.get(name) {
            Some(value) if fits(value, &schemas[target]) => value.clone(),
            _ => inner(&schemas[target], name),
        };
    }
    if let Some(value) = schema.get("const") {
        return value.clone();
    }
    let first = |keyword: &str| schema[keyword].get(0);
    // The field's own example fits better than that of another field with the same name.
    let own = first("examples").or(known.get(name).filter(|value| fits(value, schema)));
    if let Some(value) = own.or(first("enum")) {
        return value.clone();
    }
    if let Some(choice) = first("anyOf").or(first("oneOf")) {
        return inner(choice, name);
    }
    match kind(schema) {
        "object" => {
            let mut object = Map::new();
            for (name, field) in schema["properties"].as_object().into_iter().flatten() {
                if !is_excluded(schema, &object, name) {
                    object.insert(name.clone(), inner(field, name));
                }
            }
            Value::Object(object)
        }
        "array" => json!([inner(&schema["items"], "")]),
        "boolean" => json!(false),
        "integer" | "number" => schema.get("minimum").cloned().unwrap_or(json!(1)),
        "string" => json!(match schema["format"].as_str() {
            Some("uuid") => "0190a5e4-7c1b-7d2e-8f30-4a5b6c7d8e04",
            Some("date-time") => "2030-05-13T13:00:00Z",
            Some("date") => "2030-05-13",
            Some("partial-time" | "time") => "13:00:00",
            Some("email") => "someone@example.org",
            Some("uri") => "http://snomed.info/sct",
            _ => "text",
        }),
        _ => json!({}),
    }
}

/// Whether the schema refuses an object that has this field beside those that it has already.
fn is_excluded(schema: &Value, object: &Map<String, Value>, name: &str) -> bool {
    let choices = schema["not"]["anyOf"].as_array().into_iter().flatten();
    let mut groups = choices.filter_map(|choice| choice["required"].as_array());
    groups.any(|group| {
        let mut others = group
            .iter()
            .filter_map(Value::as_str)
            .filter(|other| *other != name);
        group.iter().any(|field| field == name) && others.all(|other| object.contains_key(other))
    })
}

/// The type of the schema. If it may be null, the type other than null.
fn kind(schema: &Value) -> &str {
    match &schema["type"] {
        Value::Array(types) => types
            .iter()
            .find(|kind| *kind != "null")
            .and_then(Value::as_str),
        other => other.as_str(),
    }
    .unwrap_or_default()
}

/// Whether a known value has the schema's type. A field of the same name can have another one.
fn fits(value: &Value, schema: &Value) -> bool {
    if let Some(labels) = schema["enum"].as_array() {
        return labels.contains(value);
    }
    match value {
        Value::String(text) => {
            let is_id = uuid::Uuid::try_parse(text).is_ok();
            kind(schema) == "string" && is_id == (schema["format"] == "uuid")
        }
        Value::Number(_) => matches!(kind(schema), "integer" | "number"),
        Value::Bool(_) => kind(schema) == "boolean",
        Value::Array(_) => kind(schema) == "array",
        Value::Object(fields) => {
            let named = |field: &String| schema["properties"].get(field).is_some();
            let required = schema["required"].as_array().into_iter().flatten();
            let mut required = required.filter_map(Value::as_str);
            fields.keys().all(named) && required.all(|field| fields.contains_key(field))
        }
        Value::Null => false,
    }
}

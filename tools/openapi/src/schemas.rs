//! Adapts schemas to OpenAPI and its tools.

use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::operation::Describe;

/// Describes types separately for requests and answers: an answer always contains all its fields, a
/// request may omit optional ones.
pub(crate) struct Schemas {
    read: SchemaGenerator,
    answered: SchemaGenerator,
    /// The schemas of bodies without a type of their own, by operation.
    named: Map<String, Value>,
}

impl Schemas {
    pub(crate) fn new() -> Self {
        let mut settings = SchemaSettings::draft2020_12();
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
        Self {
            read: settings.clone().for_deserialize().into_generator(),
            answered: settings.for_serialize().into_generator(),
            named: Map::new(),
        }
    }

    pub(crate) fn read(&mut self, describe: Describe) -> Value {
        plain(describe(&mut self.read))
    }

    pub(crate) fn answered(&mut self, describe: Describe) -> Value {
        plain(describe(&mut self.answered))
    }

    /// Stores a schema under a name, which clients use as the type's name.
    pub(crate) fn keep(&mut self, name: String, schema: Value) -> Value {
        let reference = json!({"$ref": format!("#/components/schemas/{name}")});
        self.named.insert(name, schema);
        reference
    }

    /// Returns all schemas. A type that appears in requests and answers is described as for
    /// requests, because an answer satisfies that schema too.
    pub(crate) fn finish(mut self) -> Map<String, Value> {
        let mut all = self.answered.take_definitions(true);
        all.extend(self.read.take_definitions(true));
        all.extend(self.named);
        let mut all: Vec<_> = all.into_iter().collect();
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        let simplified = all.into_iter().map(|(name, mut schema)| {
            simplify(&mut schema);
            (name, schema)
        });
        simplified.collect()
    }
}

fn plain(schema: Schema) -> Value {
    let mut value = schema.to_value();
    simplify(&mut value);
    value
}

/// Writes each enum as a list of its labels, and adds the meaning of each to the description. Code
/// generators turn such a list into an enum, but ignore a choice between constants.
fn simplify(value: &mut Value) {
    match value {
        Value::Object(schema) => {
            if let Some(enumeration) = labels(schema) {
                *schema = enumeration;
            }
            // "title" only repeats the type's name.
            if schema.get("title").is_some_and(Value::is_string) {
                schema.remove("title");
            }
            schema.values_mut().for_each(simplify);
        }
        Value::Array(items) => items.iter_mut().for_each(simplify),
        _ => {}
    }
}

fn labels(schema: &Map<String, Value>) -> Option<Map<String, Value>> {
    let choices = schema.get("oneOf")?.as_array()?;
    let labels: Option<Vec<_>> = choices
        .iter()
        .map(|choice| choice.get("const").filter(|label| label.is_string()))
        .collect();
    let labels = labels?;
    let lines = choices.iter().map(|choice| {
        let meaning = choice["description"].as_str().unwrap_or_default();
        format!(
            "- `{}`: {meaning}",
            choice["const"].as_str().unwrap_or_default()
        )
    });
    let description = schema.get("description").and_then(Value::as_str);
    let text: Vec<_> = description
        .map(str::to_owned)
        .into_iter()
        .chain(lines)
        .collect();
    let mut enumeration = schema.clone();
    enumeration.remove("oneOf");
    enumeration.insert("type".into(), json!("string"));
    enumeration.insert("enum".into(), json!(labels));
    enumeration.insert("description".into(), json!(text.join("\n")));
    Some(enumeration)
}

/// Returns the schema without null, because a query parameter is either absent or has its type.
pub(crate) fn without_null(mut schema: Value) -> Value {
    if let Some(types) = schema["type"].as_array() {
        let types: Vec<_> = types
            .iter()
            .filter(|kind| *kind != "null")
            .cloned()
            .collect();
        schema["type"] = match types.as_slice() {
            [only] => only.clone(),
            _ => json!(types),
        };
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        let choices: Vec<_> = choices
            .iter()
            .filter(|choice| choice["type"] != "null")
            .cloned()
            .collect();
        if let [only] = choices.as_slice() {
            return only.clone();
        }
    }
    // Indexing leaves nulls at missing keys.
    if let Value::Object(members) = &mut schema {
        members.retain(|_, value| !value.is_null());
    }
    schema
}

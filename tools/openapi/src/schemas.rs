//! The schemas of the types, in a form that OpenAPI tools can process.

use api::description::Describe;
use domain::content::{RecordContent, RecordType};
use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::events;

/// The place of the schemas in a document.
pub(crate) const SCHEMAS: &str = "#/components/schemas";

/// Describes types as requests and as answers. An answer always has every field that it can have; a
/// request may leave out optional fields.
pub(crate) struct Schemas {
    read: SchemaGenerator,
    answered: SchemaGenerator,
    /// The schemas of request bodies, by name. They are not named after their types.
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

    /// The generator of what the API answers.
    pub(crate) fn answers(&mut self) -> &mut SchemaGenerator {
        &mut self.answered
    }

    /// Stores a schema under a name, which client generators use for its type, and returns a reference.
    pub(crate) fn keep(&mut self, name: String, schema: Value) -> Value {
        let reference = json!({"$ref": format!("{SCHEMAS}/{name}")});
        self.named.insert(name, schema);
        reference
    }

    /// All schemas in alphabetical order. A type that occurs in both requests and answers is described
    /// as in a request, which an answer satisfies too.
    pub(crate) fn finish(mut self) -> Map<String, Value> {
        let events = events::by_type(&mut self.answered);
        let mut all = self.answered.take_definitions(true);
        all.extend(self.read.take_definitions(true));
        all.extend(self.named);
        all.extend(events);
        events::leave_out_null(&mut all);
        let variants = by_record_type(&mut all);
        all.extend(variants);
        let mut all: Vec<_> = all.into_iter().collect();
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        let simplified = all.into_iter().map(|(name, mut schema)| {
            simplify(&mut schema);
            (name, schema)
        });
        simplified.collect()
    }
}

/// Splits each schema whose `content` depends on its `record_type` into one variant for each record type, with a
/// discriminator. Returns the variants. A client then knows the structure of the content.
fn by_record_type(all: &mut Map<String, Value>) -> Map<String, Value> {
    const CONTENT: &str = "#/components/schemas/RecordContent";
    let mut variants = Map::new();
    for (name, schema) in all {
        let properties = &schema["properties"];
        if properties["content"]["$ref"] != CONTENT || properties.get("record_type").is_none() {
            continue;
        }
        let mut mapping = Map::new();
        for label in RecordType::LABELS {
            let Ok(record_type) = label.parse() else {
                continue;
            };
            let variant = format!("{}{name}", pascal_case(label));
            let mut described = schema.clone();
            described["properties"]["record_type"] = json!({
                "type": "string",
                "const": label,
                "description": format!("The type of the record, always `{label}`."),
            });
            let content = RecordContent::schema_name_of(record_type);
            described["properties"]["content"]["$ref"] = json!(format!("{SCHEMAS}/{content}"));
            mapping.insert((*label).to_owned(), json!(format!("{SCHEMAS}/{variant}")));
            variants.insert(variant, described);
        }
        let choices: Vec<_> = mapping
            .values()
            .map(|target| json!({"$ref": target}))
            .collect();
        *schema = json!({
            "description": schema["description"],
            "oneOf": choices,
            "discriminator": {"propertyName": "record_type", "mapping": mapping},
        });
    }
    variants
}

/// Turns `get-patient` and `LAB_RESULT` into `GetPatient` and `LabResult`.
pub(crate) fn pascal_case(name: &str) -> String {
    let words = name.split(['-', '_']).filter(|word| !word.is_empty());
    words
        .map(|word| word[..1].to_uppercase() + &word[1..].to_lowercase())
        .collect()
}

fn plain(schema: Schema) -> Value {
    let mut value = schema.to_value();
    simplify(&mut value);
    value
}

/// Turns a choice between constants into an `enum`, with the meanings of the labels in its description.
/// Code generators make an enum from that, but nothing useful from a choice between constants.
fn simplify(value: &mut Value) {
    match value {
        Value::Object(schema) => {
            if let Some(enumeration) = labels(schema) {
                *schema = enumeration;
            }
            // The title repeats the type's name.
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

/// The schema without null, because a query parameter or a member of an event is either absent or has its type.
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
        if let ([Value::Object(only)], Some(members)) = (choices.as_slice(), schema.as_object_mut())
        {
            members.remove("anyOf");
            members.extend(only.clone());
        }
    }
    // Indexing a missing member inserts null.
    if let Value::Object(members) = &mut schema {
        members.retain(|_, value| !value.is_null());
    }
    schema
}

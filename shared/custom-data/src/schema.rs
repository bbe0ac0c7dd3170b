//! A JSON Schema of limited size and depth that refuses unknown properties by default.

use errors::{Error, FieldError};
use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, PatternOptions, ValidationError, Validator};
use serde_json::{Map, Value};

/// The largest schema and the largest data, in bytes of JSON.
const LARGEST_SCHEMA: usize = 32 * 1024;
const LARGEST_DATA: usize = 16 * 1024;
/// The most faults of data that one answer names.
const MOST_FAULTS: usize = 100;
/// The deepest nesting of objects and lists in a schema and in data.
const DEEPEST_SCHEMA: usize = 24;
const DEEPEST_DATA: usize = 8;

/// The only dialect that is accepted.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// A compiled schema.
#[derive(Debug)]
pub struct Schema(Validator);

impl Schema {
    /// Compiles a new schema and returns it in the form to register. That form refuses unknown properties
    /// of each object whose properties the schema names, unless the schema says otherwise. Errors: it is
    /// no valid schema, it is too large or too deep, it has another dialect, it doesn't describe an
    /// object, or it has a reference to another document.
    pub fn strict(mut schema: Value) -> Result<(Self, Value), Error> {
        let refused = |message: &str| Error::invalid("schema", message);
        if schema.to_string().len() > LARGEST_SCHEMA || is_deeper(&schema, DEEPEST_SCHEMA) {
            return Err(refused(
                "expected at most 32 KiB of JSON, nested at most 24 levels deep",
            ));
        }
        if schema["type"] != "object" {
            return Err(refused(
                "expected a schema with `\"type\": \"object\"` at its top level",
            ));
        }
        if schema
            .get("$schema")
            .is_some_and(|dialect| dialect != DIALECT)
        {
            return Err(refused(
                "expected JSON Schema draft 2020-12: leave `$schema` out, or set it to that draft's URI",
            ));
        }
        if refers_outside(&schema) {
            return Err(refused(
                "expected only references within the schema, such as #/$defs/name, and no $id",
            ));
        }
        close(&mut schema);
        Ok((Self::compile(&schema)?, schema))
    }

    /// Compiles a registered schema. Errors: it is no valid schema.
    pub fn compile(schema: &Value) -> Result<Self, Error> {
        jsonschema::options()
            .with_draft(Draft::Draft202012)
            // This engine matches in time linear in the text, whatever the pattern is.
            .with_pattern_options(PatternOptions::regex().size_limit(1 << 20))
            .build(schema)
            .map(Self)
            .map_err(|error| {
                Error::Invalid(vec![FieldError::at(
                    format!("/schema{}", error.instance_path()),
                    "expected a valid JSON Schema (draft 2020-12)",
                )])
            })
    }

    /// Checks data. Errors: the data is too large or too deep, or doesn't satisfy the schema. The errors
    /// contain places and keywords and no values, because values may be patient data.
    pub fn check(&self, data: &Value) -> Result<(), Error> {
        if data.to_string().len() > LARGEST_DATA || is_deeper(data, DEEPEST_DATA) {
            let message = "expected at most 16 KiB of JSON, nested at most 8 levels deep";
            return Err(Error::invalid("custom_data", message));
        }
        let errors = self.0.iter_errors(data).flat_map(faults);
        Error::all(errors.take(MOST_FAULTS).collect()).map_or(Ok(()), Err)
    }

    /// Whether the data satisfies the schema.
    pub fn is_satisfied_by(&self, data: &Value) -> bool {
        self.0.is_valid(data)
    }
}

/// The faults that an error of the validator stands for. A missing or unknown property is named itself.
fn faults(error: ValidationError<'_>) -> Vec<FieldError> {
    let at = format!("/custom_data{}", error.instance_path());
    let property = |name: &str, message: &str| {
        let name = name.replace('~', "~0").replace('/', "~1");
        FieldError::at(format!("{at}/{name}"), message)
    };
    match error.kind() {
        ValidationErrorKind::Required { property: name } => {
            vec![property(name.as_str().unwrap_or_default(), "is required")]
        }
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => unexpected
            .iter()
            .map(|name| {
                property(
                    name,
                    "is not known here; expected a property that the schema names",
                )
            })
            .collect(),
        kind => vec![FieldError::at(
            at,
            format!(
                "expected a value that satisfies the keyword `{}` of the registered schema; got {}",
                kind.keyword(),
                parsing::received(error.instance())
            ),
        )],
    }
}

fn is_deeper(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(items) => levels == 0 || items.iter().any(|item| is_deeper(item, levels - 1)),
        Value::Object(members) => {
            levels == 0 || members.values().any(|member| is_deeper(member, levels - 1))
        }
        _ => false,
    }
}

/// Whether the schema has a reference to another document, or an `$id`, which changes what references
/// mean.
fn refers_outside(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(refers_outside),
        Value::Object(members) => members.iter().any(|(name, member)| {
            let reference = matches!(name.as_str(), "$ref" | "$dynamicRef");
            let outside = member
                .as_str()
                .is_some_and(|target| !target.starts_with('#'));
            (reference && outside)
                || (name == "$id" && member.is_string())
                || refers_outside(member)
        }),
        _ => false,
    }
}

/// Makes this schema and those below it refuse unknown properties. Skips `allOf` and similar keywords,
/// because one branch doesn't know the properties that its siblings name.
fn close(schema: &mut Value) {
    let Value::Object(members) = schema else {
        return;
    };
    for name in ["properties", "$defs", "patternProperties"] {
        if let Some(Value::Object(below)) = members.get_mut(name) {
            below.values_mut().for_each(close);
        }
    }
    for name in ["items", "additionalProperties"] {
        if let Some(below) = members.get_mut(name) {
            close(below);
        }
    }
    if let Some(Value::Array(below)) = members.get_mut("prefixItems") {
        below.iter_mut().for_each(close);
    }
    let says = |members: &Map<String, Value>, name: &str| members.contains_key(name);
    let names_some =
        says(members, "properties") || members.get("type").is_some_and(|kind| kind == "object");
    if names_some
        && !says(members, "additionalProperties")
        && !says(members, "unevaluatedProperties")
    {
        members.insert("unevaluatedProperties".to_owned(), false.into());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn unknown_properties_are_refused_at_every_level_unless_the_schema_allows_them() {
        let (schema, _) = Schema::strict(json!({
            "type": "object",
            "properties": {
                "score": {"type": "integer", "minimum": 0},
                "visit": {"type": "object", "properties": {"room": {"type": "string"}}},
                "open": {"type": "object", "additionalProperties": true}
            },
            "allOf": [{"properties": {"also": {"type": "boolean"}}}]
        }))
        .unwrap();
        for right in [
            json!({}),
            json!({"score": 3, "visit": {"room": "4"}, "also": true}),
            json!({"open": {"anything": 1}}),
        ] {
            assert!(schema.check(&right).is_ok(), "{right}");
        }
        for wrong in [
            json!({"score": -1}),
            json!({"score": 3.5}),
            json!({"mood": "good"}),
            json!({"visit": {"bed": 1}}),
            json!([]),
            json!("text"),
        ] {
            assert!(schema.check(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn schemas_out_of_bounds_are_refused() {
        let mut deep = json!({"type": "object"});
        for _ in 0..20 {
            deep = json!({"type": "object", "properties": {"below": deep}});
        }
        for wrong in [
            json!({}),
            json!(true),
            json!({"type": "array"}),
            json!({"type": "object", "properties": 7}),
            json!({"type": "object", "properties": {"a": {"$ref": "https://example.org/schema"}}}),
            json!({"type": "object", "properties": {"a": {"$ref": "other.json#/x"}}}),
            json!({"type": "object", "$id": "https://example.org/schema"}),
            json!({"type": "object", "$schema": "http://json-schema.org/draft-07/schema#"}),
            json!({"type": "object", "properties": {"a": {"pattern": "(a"}}}),
            json!({"type": "object", "description": "x".repeat(40_000)}),
            deep,
        ] {
            assert!(Schema::strict(wrong.clone()).is_err(), "{wrong}");
        }
        let local = json!({
            "$schema": DIALECT, "type": "object", "$defs": {"name": {"type": "string"}},
            "properties": {"a": {"$ref": "#/$defs/name"}}
        });
        assert!(Schema::strict(local).is_ok());
    }

    #[test]
    fn data_out_of_bounds_is_refused() {
        let (schema, _) =
            Schema::strict(json!({"type": "object", "additionalProperties": true})).unwrap();
        let mut deep = json!({});
        for _ in 0..8 {
            deep = json!({"below": deep});
        }
        assert!(schema.check(&deep).is_err());
        assert!(schema.check(&json!({"text": "x".repeat(17_000)})).is_err());
        assert!(schema.check(&json!({"text": "x"})).is_ok());
    }

    /// A schema, data that satisfies it, and the places of the objects in the data.
    fn described() -> impl Strategy<Value = (Value, Value, Vec<String>)> {
        let leaf = prop_oneof![
            any::<i32>().prop_map(|number| (json!({"type": "integer"}), json!(number))),
            "[a-z]{0,4}".prop_map(|text| (json!({"type": "string"}), json!(text))),
        ]
        .prop_map(|(schema, data)| (schema, data, Vec::new()));
        let object = |members: BTreeMap<String, (Value, Value, Vec<String>)>| {
            let (mut schemas, mut data) = (Map::new(), Map::new());
            let mut places = vec![String::new()];
            for (name, (schema, value, below)) in members {
                places.extend(below.iter().map(|place| format!("/{name}{place}")));
                schemas.insert(name.clone(), schema);
                data.insert(name, value);
            }
            (
                json!({"type": "object", "properties": schemas}),
                data.into(),
                places,
            )
        };
        let list = |(schema, data, below): (Value, Value, Vec<String>)| {
            let places = below.iter().map(|place| format!("/0{place}")).collect();
            (
                json!({"type": "array", "items": schema}),
                json!([data]),
                places,
            )
        };
        let below = leaf.prop_recursive(3, 24, 4, move |inner| {
            prop_oneof![
                prop::collection::btree_map("[a-z]{1,4}", inner.clone(), 0..4).prop_map(object),
                inner.prop_map(list),
            ]
        });
        prop::collection::btree_map("[a-z]{1,4}", below, 0..4).prop_map(object)
    }

    proptest! {
        #[test]
        fn an_unknown_property_is_refused_in_every_object(
            (schema, data, places) in described(),
            place in any::<prop::sample::Index>(),
        ) {
            let (schema, strict) = Schema::strict(schema).unwrap();
            prop_assert!(schema.check(&data).is_ok(), "{strict} {data}");
            // The strict form stays the same if it is registered again.
            prop_assert_eq!(&Schema::strict(strict.clone()).unwrap().1, &strict);
            let mut more = data;
            let place = place.get(&places);
            more.pointer_mut(place).unwrap()["not-named"] = json!(1);
            prop_assert!(schema.check(&more).is_err(), "{strict} {more}");
        }
    }
}

//! A JSON Schema of limited size and depth that refuses unknown properties by default.

use std::collections::BTreeSet;

use api::access::Permitted;
use errors::{Error, FieldError, MOST_FAULTS};
use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, PatternOptions, ValidationError, Validator};
use serde_json::{Map, Value};

use crate::expansion::{Endless, Expansion, depth, size};

/// The largest schema and the largest data, in bytes of JSON.
const LARGEST_SCHEMA: usize = 32 * 1024;
const LARGEST_DATA: usize = 16 * 1024;
/// The deepest nesting of objects and lists in a schema and in data.
const DEEPEST_SCHEMA: usize = 24;
const DEEPEST_DATA: usize = 8;

/// The most steps of the validator for each value of data. Data of fifty values is always within the next limit.
const MOST_STEPS_PER_VALUE: u64 = 10_000;
/// The most steps of the validator for data. They take about 100 ms of a whole processor, and 50 MB for the errors.
const MOST_STEPS: u64 = 500_000;

/// The most regular expressions in a schema, and the most characters of one.
const MOST_PATTERNS: usize = 32;
const LONGEST_PATTERN: usize = 256;
/// The largest compiled regular expression, and the largest cache for matching it, in bytes.
const LARGEST_PATTERN: usize = 128 * 1024;

/// The formats that are checked. Not among them is `regex`, which would compile the regular expressions of data.
const FORMATS: &[&str] = &[
    "date",
    "date-time",
    "duration",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "time",
    "uri",
    "uri-reference",
    "uuid",
];

/// The only dialect that is accepted.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// A compiled schema.
#[derive(Debug)]
pub struct Schema {
    source: Value,
    validator: Validator,
}

impl Schema {
    /// Compiles a new schema and returns it in the form to register. That form refuses unknown properties
    /// of each object whose properties the schema names, unless the schema says otherwise. Errors: it is
    /// no valid schema, it is too large or too deep, it has another dialect, it doesn't describe an
    /// object, it has a reference to another document, its check would take too many steps, or it has an unknown
    /// format, or too many or too large patterns.
    pub fn strict(schema: Value, _: Permitted) -> Result<(Self, Value), Error> {
        Self::closed(schema)
    }

    fn closed(mut schema: Value) -> Result<(Self, Value), Error> {
        let refused = |message: &str| Error::invalid("schema", message);
        if schema.to_string().len() > LARGEST_SCHEMA || depth(&schema) > DEEPEST_SCHEMA {
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
                "expected only references within the schema by JSON Pointer, such as #/$defs/name, and no $id, \
                 $anchor or $dynamicRef",
            ));
        }
        close(&mut schema);
        Error::all(unbounded(&schema)).map_or(Ok(()), Err)?;
        Ok((Self::compiled(schema.clone())?, schema))
    }

    /// Compiles a registered schema. Errors: it is no valid schema.
    pub fn compile(schema: Value, _: Permitted) -> Result<Self, Error> {
        Self::compiled(schema)
    }

    fn compiled(schema: Value) -> Result<Self, Error> {
        let patterns = PatternOptions::regex()
            // This engine matches in time linear in the text, whatever the pattern is.
            .size_limit(LARGEST_PATTERN)
            .dfa_size_limit(LARGEST_PATTERN);
        let validator = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .with_pattern_options(patterns)
            .should_validate_formats(true)
            .build(&schema)
            .map_err(|error| {
                at(
                    &error.instance_path().to_string(),
                    "expected a valid JSON Schema (draft 2020-12), with patterns that have at most 128 KiB when \
                     they are compiled",
                )
            });
        Ok(Self {
            validator: validator.map_err(|fault| Error::Invalid(vec![fault]))?,
            source: schema,
        })
    }

    /// Checks data. Errors: the data is too large or too deep, its check would take too many steps, or it doesn't
    /// satisfy the schema. The errors contain places and keywords and no values, because values may be patient data.
    pub fn check(&self, data: &Value) -> Result<(), Error> {
        self.check_bounds(data)
            .map_err(|message| Error::invalid("custom_data", message))?;
        if self.validator.is_valid(data) {
            return Ok(());
        }
        let errors = self.validator.iter_errors(data).flat_map(faults);
        Error::all(errors.take(MOST_FAULTS).collect()).map_or(Ok(()), Err)
    }

    /// Whether the data is within the bounds and satisfies the schema.
    pub fn is_satisfied_by(&self, data: &Value) -> bool {
        self.check_bounds(data).is_ok() && self.validator.is_valid(data)
    }

    /// Checks what the validator may be asked. Errors: the data is out of bounds.
    fn check_bounds(&self, data: &Value) -> Result<(), &'static str> {
        let levels = depth(data);
        if levels > DEEPEST_DATA || data.to_string().len() > LARGEST_DATA {
            return Err("expected at most 16 KiB of JSON, nested at most 8 levels deep");
        }
        let steps = Expansion::of(&self.source, levels).map(|expansion| expansion.per_value());
        match steps.map(|steps| steps.saturating_mul(size(data))) {
            Ok(0..=MOST_STEPS) => Ok(()),
            _ => Err(
                "expected fewer values or shorter texts, because the registered schema would take too long to \
                 check these",
            ),
        }
    }
}

fn at(place: &str, message: impl Into<String>) -> FieldError {
    FieldError::at(format!("/schema{place}"), message)
}

/// What makes the check of data with this schema too expensive, or leaves a format unchecked.
fn unbounded(schema: &Value) -> Vec<FieldError> {
    let expansion = match Expansion::of(schema, DEEPEST_DATA) {
        Ok(expansion) => expansion,
        Err(Endless(place)) => {
            return vec![at(
                &place,
                "expected no reference that leads back to itself for the same value",
            )];
        }
    };
    if let Some(place) = expansion.beyond(MOST_STEPS_PER_VALUE) {
        return vec![at(
            place,
            "expected a schema that takes at most 10000 steps for a value, when its references are expanded: use \
             fewer references within allOf, anyOf, oneOf, if and not",
        )];
    }
    let (mut patterns, mut faults) = (BTreeSet::new(), Vec::new());
    for (place, keywords) in expansion.schemas() {
        match keywords.get("format").and_then(Value::as_str) {
            Some(format) if !FORMATS.contains(&format) => faults.push(at(
                &format!("{place}/format"),
                format!("expected one of the formats {}", FORMATS.join(", ")),
            )),
            _ => {}
        }
        let names = keywords.get("patternProperties").and_then(Value::as_object);
        let names = names.into_iter().flat_map(|names| names.keys());
        let pattern = keywords.get("pattern").and_then(Value::as_str);
        for pattern in names.map(String::as_str).chain(pattern) {
            if pattern.chars().count() > LONGEST_PATTERN {
                faults.push(at(place, "expected a pattern of at most 256 characters"));
            }
            patterns.insert(pattern.to_owned());
        }
    }
    if patterns.len() > MOST_PATTERNS {
        faults.push(at("", "expected at most 32 different patterns"));
    }
    faults.sort_by(|one, other| one.pointer.cmp(&other.pointer));
    faults.truncate(MOST_FAULTS);
    faults
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

/// Whether the schema has a reference other than a JSON Pointer into itself, or an `$id`, which changes what
/// references mean.
fn refers_outside(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(refers_outside),
        Value::Object(members) => members.iter().any(|(name, member)| {
            let is_pointer =
                |target: &str| target == "#" || (target.starts_with("#/") && !target.contains('%'));
            let outside = match name.as_str() {
                "$ref" => member.as_str().is_some_and(|target| !is_pointer(target)),
                "$id" | "$anchor" | "$dynamicAnchor" | "$dynamicRef" | "$recursiveRef" => {
                    member.is_string()
                }
                _ => false,
            };
            outside || refers_outside(member)
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
        let (schema, _) = Schema::closed(json!({
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
            assert!(Schema::closed(wrong.clone()).is_err(), "{wrong}");
        }
        let local = json!({
            "$schema": DIALECT, "type": "object", "$defs": {"name": {"type": "string"}},
            "properties": {"a": {"$ref": "#/$defs/name"}}
        });
        assert!(Schema::closed(local).is_ok());
    }

    /// The pointers that the refusal of this schema names.
    fn refused_at(schema: Value) -> Vec<String> {
        let Err(Error::Invalid(faults)) = Schema::closed(schema) else {
            return Vec::new();
        };
        faults
            .into_iter()
            .filter_map(|fault| fault.pointer)
            .collect()
    }

    /// A schema of this many definitions, each of which uses the next one twice.
    fn doubled(keyword: &str, times: usize) -> Value {
        let mut definitions = Map::new();
        for index in 0..times {
            let next = json!({"$ref": format!("#/$defs/d{}", index + 1)});
            definitions.insert(format!("d{index}"), json!({keyword: [next, next]}));
        }
        definitions.insert(format!("d{times}"), json!({"const": 1}));
        json!({"type": "object", "$defs": definitions, "properties": {"a": {"$ref": "#/$defs/d0"}}})
    }

    #[test]
    fn a_schema_that_expands_without_bound_is_refused_at_once_and_the_place_is_named() {
        for keyword in ["anyOf", "allOf", "oneOf"] {
            let places = refused_at(doubled(keyword, 24));
            assert_eq!(places.len(), 1, "{keyword}");
            assert!(places[0].starts_with("/schema/$defs/d"), "{places:?}");
            assert!(refused_at(doubled(keyword, 4)).is_empty(), "{keyword}");
        }
        // Of these, one applies to each value.
        assert!(refused_at(doubled("prefixItems", 24)).is_empty());
        let below = (0..20).map(|index| (format!("p{index}"), json!({"$ref": "#"})));
        let tree = json!({"type": "object", "properties": below.collect::<Map<_, _>>()});
        assert!(refused_at(tree).is_empty());
    }

    #[test]
    fn a_reference_that_leads_back_to_itself_for_the_same_value_is_refused() {
        let endless = json!({
            "type": "object", "$defs": {"a": {"not": {"$ref": "#/$defs/b"}}, "b": {"$ref": "#/$defs/a"}},
            "properties": {"x": {"$ref": "#/$defs/a"}}
        });
        assert_eq!(refused_at(endless), ["/schema/$defs/a"]);
        let list = json!({
            "type": "object",
            "properties": {"text": {"type": "string"}, "below": {"type": "array", "items": {"$ref": "#"}}}
        });
        let (schema, _) = Schema::closed(list).unwrap();
        assert!(
            schema
                .check(&json!({"below": [{"below": [{"text": "x"}]}]}))
                .is_ok()
        );
        assert!(
            schema
                .check(&json!({"below": [{"below": [{"text": 1}]}]}))
                .is_err()
        );
    }

    #[test]
    fn all_patterns_of_a_schema_have_one_budget() {
        let with = |patterns: Vec<String>| {
            let properties: Map<String, Value> = patterns
                .into_iter()
                .enumerate()
                .map(|(index, pattern)| (format!("p{index}"), json!({"pattern": pattern})))
                .collect();
            json!({"type": "object", "properties": properties})
        };
        let usual = [
            "^[A-Z]{2}\\d{6}$",
            "^\\p{L}+( \\p{L}+)*$",
            "^[^\\s@]+@[^\\s@]+\\.[a-z]{2,10}$",
        ];
        let usual = usual.map(str::to_owned).to_vec();
        assert!(refused_at(with(usual)).is_empty());
        // Large when it is compiled, long, or many.
        assert_eq!(
            refused_at(with(vec!["\\p{L}{200}".into()])),
            ["/schema/properties/p0/pattern"]
        );
        assert_eq!(
            refused_at(with(vec!["((a{30}){30}){30}".into()])),
            ["/schema/properties/p0/pattern"]
        );
        assert_eq!(
            refused_at(with(vec!["a".repeat(257)])),
            ["/schema/properties/p0"]
        );
        let many = |count: usize| (0..count).map(|index| format!("^{index}$")).collect();
        assert!(refused_at(with(many(32))).is_empty());
        assert_eq!(refused_at(with(many(33))), ["/schema"]);
        let names: Map<String, Value> = (0..33)
            .map(|index| (format!("^{index}$"), json!(true)))
            .collect();
        let names = json!({"type": "object", "patternProperties": names});
        assert_eq!(refused_at(names), ["/schema"]);
    }

    #[test]
    fn formats_are_checked_and_others_are_refused() {
        for (format, right, wrong) in [
            ("date", "2026-02-28", "2026-02-30"),
            ("date-time", "2026-02-28T10:00:00Z", "2026-02-28 10:00"),
            ("duration", "P3D", "3 days"),
            ("email", "ada@example.org", "ada"),
            ("hostname", "example.org", "-"),
            ("ipv4", "192.0.2.1", "192.0.2"),
            ("ipv6", "2001:db8::1", "2001"),
            ("time", "10:00:00Z", "25:00"),
            ("uri", "https://example.org/a", "example"),
            ("uri-reference", "/a?b#c", "a b"),
            ("uuid", "018f6f3e-7b5d-7c2a-9d4e-2f1a3b4c5d6e", "018f"),
        ] {
            assert!(FORMATS.contains(&format));
            let (schema, _) =
                Schema::closed(json!({"type": "object", "properties": {"a": {"format": format}}}))
                    .unwrap();
            assert!(schema.check(&json!({"a": right})).is_ok(), "{format}");
            assert!(schema.check(&json!({"a": wrong})).is_err(), "{format}");
        }
        for unknown in ["zebrafish", "regex", "Date"] {
            let schema = json!({"type": "object", "properties": {"a": {"format": unknown}}});
            assert_eq!(refused_at(schema), ["/schema/properties/a/format"]);
        }
        // What looks like a format in an example or a constant is none.
        let schema = json!({"type": "object", "properties": {"a": {"const": {"format": "pdf", "pattern": "("}}}});
        assert!(refused_at(schema).is_empty());
    }

    #[test]
    fn data_that_takes_too_many_steps_is_refused() {
        // Each value meets each of the alternatives.
        let choices: Vec<Value> = (0..400).map(|index| json!({"const": index})).collect();
        let (schema, _) = Schema::closed(json!({
            "type": "object", "properties": {"codes": {"type": "array", "items": {"anyOf": choices}}}
        }))
        .unwrap();
        let codes = |count: usize| json!({"codes": vec![399; count]});
        assert!(schema.check(&codes(100)).is_ok());
        let Err(Error::Invalid(faults)) = schema.check(&codes(3_000)) else {
            panic!("the data is not refused");
        };
        assert_eq!(faults[0].pointer.as_deref(), Some("/custom_data"));
        assert!(faults[0].message.starts_with("expected fewer values"));
        assert!(!schema.is_satisfied_by(&codes(3_000)));
    }

    #[test]
    fn data_out_of_bounds_is_refused() {
        let (schema, _) =
            Schema::closed(json!({"type": "object", "additionalProperties": true})).unwrap();
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
            let (schema, strict) = Schema::closed(schema).unwrap();
            prop_assert!(schema.check(&data).is_ok(), "{strict} {data}");
            // The strict form stays the same if it is registered again.
            prop_assert_eq!(&Schema::closed(strict.clone()).unwrap().1, &strict);
            let mut more = data;
            let place = place.get(&places);
            more.pointer_mut(place).unwrap()["not-named"] = json!(1);
            prop_assert!(schema.check(&more).is_err(), "{strict} {more}");
        }
    }
}

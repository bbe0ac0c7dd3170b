use proptest::prelude::*;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::*;

/// The published schemas, by name.
fn schemas() -> Map<String, Value> {
    let mut generator: SchemaGenerator = SchemaSettings::draft2020_12().into_generator();
    generator.subschema_for::<RecordContent>();
    generator.take_definitions(true)
}

/// Any value that the schema allows, in the form in which it is kept.
fn any_of(schema: &Value, all: &Map<String, Value>) -> BoxedStrategy<Value> {
    if let Some(reference) = schema["$ref"].as_str() {
        return any_of(&all[reference.rsplit('/').next().unwrap()], all);
    }
    if let Some(labels) = schema["enum"].as_array() {
        return prop::sample::select(labels.clone()).boxed();
    }
    if schema["properties"].is_object() {
        return object(schema, all);
    }
    for keyword in ["anyOf", "oneOf"] {
        if let Some(choices) = schema[keyword].as_array() {
            let choices = choices.iter().filter(|choice| choice["type"] != "null");
            let choices = choices.map(|choice| match choice.get("const") {
                Some(label) => Just(label.clone()).boxed(),
                None => any_of(choice, all),
            });
            return prop::strategy::Union::new(choices).boxed();
        }
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds[0].as_str().unwrap(),
        kind => kind.as_str().unwrap(),
    };
    match kind {
        "array" => {
            let least = usize::from(schema["minItems"] == 1);
            let items = prop::collection::vec(any_of(&schema["items"], all), least..3);
            items.prop_map(Value::Array).boxed()
        }
        "boolean" => any::<bool>().prop_map(Value::from).boxed(),
        "integer" => {
            let limit = |name: &str, otherwise: i64| schema[name].as_i64().unwrap_or(otherwise);
            let range = limit("minimum", i32::MIN.into())..=limit("maximum", i32::MAX.into());
            range.prop_map(Value::from).boxed()
        }
        "number" => {
            // JSON has a zero with a sign, but PostgreSQL hasn't.
            let sign = if schema["minimum"] == 0 { "" } else { "-?" };
            let fraction = "(\\.[0-9]{1,25})?";
            let digits = format!("{sign}[1-9][0-9]{{0,25}}{fraction}|0{fraction}");
            let digits = prop::string::string_regex(&digits).unwrap();
            digits
                .prop_map(|digits| digits.parse::<Value>().unwrap())
                .boxed()
        }
        _ => text(schema),
    }
}

fn text(schema: &Value) -> BoxedStrategy<Value> {
    let form = match (schema["format"].as_str(), schema["pattern"].as_str()) {
        (Some("date-time"), _) => {
            "(18[5-9]|19[0-9])[0-9]-0[1-9]-1[0-9]T1[0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{0,5}[1-9])?Z"
        }
        (Some("date"), _) => "(18[5-9]|19[0-9])[0-9]-0[1-9]-[12][0-8]",
        (Some("partial-time"), _) => "(1[0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]",
        (Some("uri"), _) => "(https?|urn):[a-z]{1,9}(/[a-z0-9]{1,9}){0,3}",
        (None, Some(year)) if year.starts_with("^[0-9]{4}") => {
            "(18[5-9]|19[0-9])[0-9](-(0[1-9]|1[0-2]))?"
        }
        (None, Some(_)) => "[<>=%a-z0-9äÖß漢字]{1,12}( [A-Za-zéА-я]{1,3}){0,2}",
        other => panic!("{other:?}"),
    };
    let text = prop::string::string_regex(form).unwrap();
    text.prop_map(Value::from).boxed()
}

fn object(schema: &Value, all: &Map<String, Value>) -> BoxedStrategy<Value> {
    let names = |list: &Value| -> Vec<String> {
        let list = list.as_array().into_iter().flatten();
        list.map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    let required = names(&schema["required"]);
    let is_forced = schema["minProperties"] == 1;
    let dependent = schema["dependentRequired"].as_object().cloned();
    let fields = schema["properties"].as_object().unwrap().iter();
    let fields: Vec<_> = fields
        .map(|(name, schema)| (Just(name.clone()), any_of(schema, all), any::<bool>()))
        .collect();
    (fields, any::<prop::sample::Index>())
        .prop_map(move |(fields, choice)| {
            let needed = |name: &str| {
                names(
                    dependent
                        .as_ref()
                        .and_then(|all| all.get(name))
                        .unwrap_or(&Value::Null),
                )
            };
            let is_free = |(name, _, _): &&(String, Value, bool)| needed(name).is_empty();
            let free: Vec<_> = fields
                .iter()
                .filter(is_free)
                .map(|field| field.0.clone())
                .collect();
            let forced = is_forced.then(|| choice.get(&free).clone());
            let is_kept = |name: &String| required.contains(name) || forced.as_ref() == Some(name);
            let fields = fields.into_iter();
            let fields = fields.filter(|(name, _, picked)| *picked || is_kept(name));
            let mut object: Map<_, _> = fields.map(|(name, value, _)| (name, value)).collect();
            // A field goes if another one that it needs is absent.
            let lacks = |object: &Map<_, _>, name: &str| {
                needed(name).iter().any(|other| !object.contains_key(other))
            };
            while let Some(lone) = object.keys().find(|name| lacks(&object, name)).cloned() {
                object.remove(&lone);
            }
            Value::Object(object)
        })
        .boxed()
}

fn any_content() -> impl Strategy<Value = (RecordType, Value)> {
    let all = schemas();
    let types = RecordType::LABELS.iter().map(move |label| {
        let record_type: RecordType = label.parse().unwrap();
        let schema = &all[RecordContent::schema_name_of(record_type).as_ref()];
        (Just(record_type), any_of(schema, &all))
    });
    prop::strategy::Union::new(types)
}

/// Removes the value at this place. If there is none, removes the structure that lacks it.
fn remove(content: &mut Value, pointer: &str) {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let removed = match content.pointer_mut(parent) {
        Some(Value::Object(fields)) => fields.remove(name),
        Some(Value::Array(items)) => Some(items.remove(name.parse().unwrap())),
        _ => None,
    };
    if removed.is_none() {
        remove(content, parent);
    }
}

proptest! {
    // A field that others exclude is named and removed.
    #[test]
    fn content_of_each_type_is_kept_digit_by_digit_and_word_by_word((record_type, mut content) in any_content()) {
        let parsed = loop {
            match RecordContent::parse(record_type, &content) {
                Ok(parsed) => break parsed,
                Err(Error::Invalid(faults)) => for fault in faults {
                    let pointer = fault.pointer.unwrap();
                    remove(&mut content, pointer.strip_prefix("/content").unwrap());
                },
                Err(error) => panic!("{error:?}"),
            }
        };
        prop_assert_eq!(serde_json::to_string(&serde_json::to_value(parsed).unwrap()).unwrap(), content.to_string());
    }
}

fn faults(record_type: RecordType, content: &Value) -> Vec<(String, String)> {
    match RecordContent::parse(record_type, content) {
        Ok(_) => Vec::new(),
        Err(Error::Invalid(faults)) => faults
            .into_iter()
            .map(|fault| (fault.pointer.unwrap(), fault.message))
            .collect(),
        Err(error) => panic!("{error:?}"),
    }
}

#[test]
fn a_field_that_does_not_fit_another_is_named() {
    let code = json!({"display": "Glucose"});
    let reason = json!({"display": "unknown"});
    let dosage = |dosage: Value| json!({"medication": code, "dosage_instruction": [dosage]});
    let timing = |timing: Value| dosage(json!({"timing": timing}));
    for (record_type, content, pointer, message) in [
        (
            RecordType::LabResult,
            json!({"code": code, "effective": "2019", "effective_end": "2020"}),
            "/content/effective",
            "expected no `effective` beside `effective_start` or `effective_end`",
        ),
        (
            RecordType::LabResult,
            json!({"code": code, "value": {"boolean": true}, "data_absent_reason": reason}),
            "/content/data_absent_reason",
            "expected no `data_absent_reason` beside `value`",
        ),
        (
            RecordType::LabResult,
            json!({"code": code, "components": [
                {"code": code}, {"code": code, "value": {"integer": 3}, "data_absent_reason": reason}
            ]}),
            "/content/components/1/data_absent_reason",
            "expected no `data_absent_reason` beside `value`",
        ),
        (
            RecordType::LabResult,
            json!({"code": code, "value": {"range": {}}}),
            "/content/value/range/low",
            "expected at least one of `low` and `high`",
        ),
        (
            RecordType::LabResult,
            json!({"code": code, "value": {"period": {"start": null}}}),
            "/content/value/period/start",
            "expected at least one of `start` and `end`",
        ),
        (
            RecordType::LabResult,
            json!({"code": code, "reference_range": [{"type": code}]}),
            "/content/reference_range/0/low",
            "expected at least one of `low`, `high` and `text`",
        ),
        (
            RecordType::LabResult,
            json!({"code": code, "value": {"quantity": {"value": 1, "comparator": "~"}}}),
            "/content/value/quantity/comparator",
            "expected one of `<`, `<=`, `>=`, `>`; got a string of 1 character",
        ),
        (
            RecordType::LabResult,
            json!({"code": code, "value": {"time": "09:30"}}),
            "/content/value/time",
            "expected a time of day in whole seconds (RFC 3339), for example 09:30:00; got a string of 5 characters",
        ),
        (
            RecordType::LabResult,
            json!({"code": {"code": "4548-4"}}),
            "/content/code/system",
            "expected the code system of `code`",
        ),
        (
            RecordType::LabResult,
            json!({"code": {"system": "http://loinc.org", "display": "HbA1c"}}),
            "/content/code/code",
            "expected a code of `system`, or only `display`",
        ),
        (
            RecordType::LabResult,
            json!({"code": {}}),
            "/content/code/display",
            "expected the concept in words, or `system` and `code`",
        ),
        (
            RecordType::Prescription,
            json!({"medication": code, "as_needed": true, "dosage_instruction": []}),
            "/content/as_needed",
            "expected no `as_needed` beside `dosage_instruction`, because each instruction has its own",
        ),
        (
            RecordType::Prescription,
            dosage(json!({"as_needed": false, "as_needed_for": reason})),
            "/content/dosage_instruction/0/as_needed",
            "expected true, because `as_needed_for` is given",
        ),
        (
            RecordType::Prescription,
            dosage(json!({"dose": {"quantity": {"value": 1, "comparator": "<"}}})),
            "/content/dosage_instruction/0/dose/quantity/comparator",
            "is not known here; expected one of `value`, `unit`, `code`",
        ),
        (
            RecordType::Prescription,
            timing(json!({"period": 1})),
            "/content/dosage_instruction/0/timing/period_unit",
            "expected a unit if `period` is given, and none otherwise",
        ),
        (
            RecordType::Prescription,
            timing(json!({"duration_unit": "h"})),
            "/content/dosage_instruction/0/timing/duration_unit",
            "expected a unit if `duration` is given, and none otherwise",
        ),
        (
            RecordType::Prescription,
            timing(json!({"frequency_max": 2})),
            "/content/dosage_instruction/0/timing/frequency_max",
            "expected no `frequency_max` without `frequency`",
        ),
        (
            RecordType::Prescription,
            timing(json!({"offset": 30})),
            "/content/dosage_instruction/0/timing/offset",
            "expected no `offset` without `when`",
        ),
        (
            RecordType::Prescription,
            timing(json!({"period": -1, "period_unit": "d"})),
            "/content/dosage_instruction/0/timing/period",
            "expected a number that isn't negative, for example 1; got a whole number",
        ),
    ] {
        let expected = [(pointer.to_owned(), message.to_owned())];
        assert_eq!(faults(record_type, &content), expected, "{content}");
    }
}

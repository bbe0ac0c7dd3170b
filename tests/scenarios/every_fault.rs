//! Sends values of the wrong kind in every field and parameter of every operation of `openapi.json`. Each answer
//! must name all of them, say what is expected, and use no word of a parser. New operations and fields are tested
//! automatically.

use std::collections::BTreeSet;

use tests::prelude::*;

use crate::unfit_requests::{Operation, UNKNOWN, Ward, document};

/// Words that only developers of parsers understand.
const INNER_WORDS: [&str; 36] = [
    "i8",
    "i16",
    "i32",
    "i64",
    "u8",
    "u16",
    "u32",
    "u64",
    "usize",
    "f64",
    "struct",
    "enum",
    "variant",
    "tuple",
    "newtype",
    "serde",
    "chrono",
    "Uuid",
    "parse",
    "unparsed",
    "parsing",
    "invalid type",
    "invalid value",
    "invalid length",
    "missing field",
    "unknown field",
    "duplicate field",
    "at line",
    "column",
    "premature",
    "trailing",
    "acceptable",
    "deserialize",
    "constraint",
    "SQLSTATE",
    "Option",
];

/// A field of a body, and values that it can't have.
#[derive(Debug)]
struct Field {
    pointer: String,
    wrong: Vec<Value>,
    /// Whether the field has fields of its own.
    is_outer: bool,
    is_required: bool,
    /// Whether it is an object with exactly one member of several.
    is_choice: bool,
    /// Whether the structure of other fields depends on it.
    is_decisive: bool,
}

/// The schemas of the document.
struct Schemas(Value);

impl Schemas {
    /// The schema itself: no reference, no choice and not null. `chosen` decides between variants.
    fn plain<'a>(&'a self, schema: &'a Value, chosen: &Value) -> &'a Value {
        if let Some(reference) = schema["$ref"].as_str() {
            let target = self.0.pointer(reference.trim_start_matches('#')).unwrap();
            return self.plain(target, chosen);
        }
        let choices = schema["anyOf"].as_array().or(schema["oneOf"].as_array());
        let Some(choices) = choices else {
            return schema;
        };
        let fits = |choice: &&Value| {
            let plain = self.plain(choice, chosen);
            let tag = &plain["properties"]["record_type"]["const"];
            let names = chosen
                .as_object()
                .into_iter()
                .flat_map(|object| object.keys());
            let mut unknown = names.filter(|name| plain["properties"].get(name.as_str()).is_none());
            plain["type"] != "null"
                && (tag.is_null() || *tag == chosen["record_type"])
                && (tag.is_string() || unknown.next().is_none())
        };
        let is_value = |choice: &&Value| choice["type"] != "null";
        let choice = choices.iter().find(fits).or(choices.iter().find(is_value));
        self.plain(choice.unwrap(), chosen)
    }

    fn is_choice(&self, schema: &Value) -> bool {
        let target = schema["$ref"]
            .as_str()
            .or(schema["anyOf"][0]["$ref"].as_str());
        let target = target.and_then(|target| self.0.pointer(target.trim_start_matches('#')));
        target.is_some_and(|target| target["oneOf"].is_array() && target["discriminator"].is_null())
    }

    fn kind<'a>(&self, schema: &'a Value) -> &'a str {
        match &schema["type"] {
            Value::Array(kinds) => kinds
                .iter()
                .find(|kind| *kind != "null")
                .and_then(Value::as_str),
            kind => kind.as_str(),
        }
        .unwrap_or_default()
    }

    /// A value that satisfies the schema.
    fn sample(&self, schema: &Value) -> Value {
        let schema = self.plain(schema, &json!({"record_type": "NOTE"}));
        let first = |keyword: &str| schema[keyword].get(0).cloned();
        if let Some(value) = first("examples")
            .or(first("enum"))
            .or(schema.get("const").cloned())
        {
            return value;
        }
        match self.kind(schema) {
            "object" => {
                let required = schema["required"].as_array().into_iter().flatten();
                let field = |name: &Value| {
                    let name = name.as_str().unwrap();
                    (name.to_owned(), self.sample(&schema["properties"][name]))
                };
                Value::Object(required.map(field).collect())
            }
            "array" => json!([self.sample(&schema["items"])]),
            "boolean" => json!(false),
            "integer" | "number" => schema.get("minimum").cloned().unwrap_or(json!(1)),
            _ => json!(match schema["format"].as_str() {
                Some("uuid") => "0190a5e4-7c1b-7d2e-8f30-4a5b6c7d8e04",
                Some("date-time") => "2030-05-13T13:00:00Z",
                Some("date") => "2030-05-13",
                Some("partial-time" | "time") => "13:00:00",
                Some("email") => "someone@example.org",
                Some("uri") => "https://example.org/codes",
                _ => "text",
            }),
        }
    }

    /// Values that don't satisfy the schema.
    fn wrong(&self, schema: &Value) -> Vec<Value> {
        let texts = |with: &[&str]| with.iter().map(|text| json!(text)).collect::<Vec<_>>();
        let mut wrong = match self.kind(schema) {
            "object" => vec![json!(UNKNOWN), json!(7), json!([UNKNOWN])],
            "array" => vec![json!(UNKNOWN), json!(true), json!({UNKNOWN: 1})],
            "boolean" => vec![json!(UNKNOWN), json!(1), json!([])],
            "integer" => {
                let mut wrong = vec![json!(UNKNOWN), json!(1.5), json!(1e300), json!({})];
                wrong.extend(schema["minimum"].as_i64().map(|least| json!(least - 1)));
                wrong.extend(schema["maximum"].as_i64().map(|most| json!(most + 1)));
                wrong
            }
            "number" => vec![json!(UNKNOWN), json!(false)],
            "string" => {
                let mut wrong = vec![json!(7), json!(true), json!([UNKNOWN]), json!({UNKNOWN: 1})];
                if schema["enum"].is_array() || schema["format"].is_string() {
                    wrong.extend(texts(&[UNKNOWN, "", "2030-02-30", "٣"]));
                }
                if let Some(most) = schema["maxLength"].as_u64() {
                    wrong.push(json!("z".repeat(usize::try_from(most).unwrap() + 1)));
                }
                if schema["minLength"] == 1 {
                    wrong.extend(texts(&["", " \n ", "a\u{0}b"]));
                }
                wrong
            }
            _ => Vec::new(),
        };
        let is_nullable = schema["type"]
            .as_array()
            .is_some_and(|kinds| kinds.contains(&json!("null")));
        if !is_nullable && !wrong.is_empty() {
            wrong.push(Value::Null);
        }
        wrong
    }

    /// Lists the fields below `at`, and makes sure that `body` has a value for each.
    fn fields(&self, schema: &Value, at: &str, body: &mut Value, all: &mut Vec<Field>) {
        let value = body.pointer(at).cloned().unwrap_or_default();
        let is_choice = self.is_choice(schema);
        let schema = self.plain(schema, &value).clone();
        let mut below = Vec::new();
        if let Some(properties) = schema["properties"].as_object() {
            below.extend(
                properties
                    .iter()
                    .map(|(name, schema)| (name.clone(), schema.clone())),
            );
        } else if schema["items"].is_object() {
            below.push(("0".to_owned(), schema["items"].clone()));
        } else if schema["additionalProperties"].is_object() {
            below.push((
                "patients:read".to_owned(),
                schema["additionalProperties"].clone(),
            ));
        }
        for (name, inner) in below {
            let pointer = format!("{at}/{name}");
            if excludes(&schema, body.pointer(at), &name) {
                continue;
            }
            if body.pointer(&pointer).is_none_or(Value::is_null) {
                let mut sample = self.sample(&inner);
                if name == "to" {
                    sample = json!("17:00:00");
                }
                match body.pointer_mut(at).unwrap() {
                    Value::Array(items) => items.push(sample),
                    parent => parent[&name] = sample,
                }
            }
            let value = body.pointer(&pointer).cloned().unwrap_or_default();
            let plain = self.plain(&inner, &value);
            let mut wrong = self.wrong(plain);
            if inner["anyOf"]
                .as_array()
                .is_some_and(|choices| choices.contains(&json!({"type": "null"})))
            {
                wrong.retain(|value| !value.is_null());
            }
            let before = all.len();
            self.fields(&inner, &pointer, body, all);
            all.push(Field {
                is_outer: all.len() > before,
                is_choice: self.is_choice(&inner),
                is_required: !is_choice
                    && schema["required"]
                        .as_array()
                        .is_some_and(|names| names.contains(&json!(name))),
                is_decisive: name == "record_type",
                pointer,
                wrong,
            });
        }
    }
}

/// Whether the schema refuses this field beside those that the object has.
fn excludes(schema: &Value, object: Option<&Value>, name: &str) -> bool {
    let has =
        |other: &Value| object.is_some_and(|object| !object[other.as_str().unwrap()].is_null());
    let choices = schema["not"]["anyOf"].as_array().into_iter().flatten();
    let mut groups = choices.map(|choice| choice["required"].as_array().unwrap());
    groups.any(|group| {
        group.iter().any(|field| field == name)
            && group.iter().all(|field| field == name || has(field))
    })
}

/// What an answer has to say.
#[derive(Clone)]
struct Sent {
    query: String,
    body: String,
    places: BTreeSet<String>,
}

/// Returns bodies with faults, and the places of the faults.
fn bodies(schemas: &Schemas, operation: &Operation) -> Vec<Sent> {
    let content = operation.document["requestBody"]["content"].as_object();
    let Some(content) = content.and_then(|content| content.values().next()) else {
        return Vec::new();
    };
    let is_patch = operation.media_type() == Some("application/merge-patch+json");
    let mut body = content["example"].clone();
    match operation.name() {
        // The ward has a note.
        "update-record" => body["content"] = json!({"text": "Well."}),
        // So that it has an appointment.
        "create-file" => body["owner_type"] = json!("APPOINTMENT"),
        _ => {}
    }
    let mut fields = Vec::new();
    schemas.fields(&content["schema"], "", &mut body, &mut fields);
    let mut all = Vec::new();
    let mut send = |body: &Value, places: BTreeSet<String>| {
        all.push(Sent {
            query: operation.required_query(),
            body: body.to_string(),
            places,
        });
    };
    // Null removes a field from a merge patch.
    let can_be_sent = |field: &Field, value: &Value| {
        !(is_patch && value.is_null() && field.pointer.matches('/').count() > 1)
    };
    // All fields at once.
    let leaves: Vec<_> = fields
        .iter()
        .filter(|field| !field.is_outer && !field.is_decisive)
        .collect();
    let rounds = leaves
        .iter()
        .map(|field| field.wrong.len())
        .max()
        .unwrap_or_default();
    for round in 0..rounds {
        let (mut unfit, mut places) = (body.clone(), BTreeSet::new());
        for field in &leaves {
            let wrong: Vec<_> = field
                .wrong
                .iter()
                .filter(|value| can_be_sent(field, value))
                .collect();
            if let Some(wrong) = wrong.get(round % wrong.len().max(1)) {
                *unfit.pointer_mut(&field.pointer).unwrap() = (*wrong).clone();
                places.insert(field.pointer.clone());
            }
        }
        send(&unfit, places);
    }
    // One field at a time: other types, a missing field, an unknown field.
    for field in &fields {
        let (parent, name) = field.pointer.rsplit_once('/').unwrap();
        if field.is_outer || field.is_decisive {
            for wrong in field.wrong.iter().filter(|value| can_be_sent(field, value)) {
                let mut unfit = body.clone();
                *unfit.pointer_mut(&field.pointer).unwrap() = wrong.clone();
                send(&unfit, [field.pointer.clone()].into());
            }
        }
        if field.is_required && !is_patch {
            let mut unfit = body.clone();
            unfit
                .pointer_mut(parent)
                .unwrap()
                .as_object_mut()
                .unwrap()
                .remove(name);
            send(&unfit, [field.pointer.clone()].into());
        }
        let outer = body.pointer(&field.pointer).and_then(Value::as_object);
        if !field.is_choice
            && field.is_outer
            && outer.is_some()
            && !field.pointer.ends_with("permissions")
        {
            let mut unfit = body.clone();
            unfit.pointer_mut(&field.pointer).unwrap()[UNKNOWN] = json!(1);
            send(&unfit, [format!("{}/{UNKNOWN}", field.pointer)].into());
        }
    }
    all
}

/// Returns queries with faults in all parameters at once, and their names.
fn queries(schemas: &Schemas, operation: &Operation) -> Vec<Sent> {
    let parameters = operation.document["parameters"]
        .as_array()
        .into_iter()
        .flatten();
    let parameters: Vec<_> = parameters
        .filter(|parameter| parameter["in"] == "query")
        .collect();
    let wrong = |parameter: &Value| -> Vec<String> {
        let schema = schemas.plain(&parameter["schema"], &Value::Null);
        let mut wrong: Vec<_> = match schemas.kind(schema) {
            "string"
                if schema["enum"].is_null()
                    && schema["format"].is_null()
                    && schema["maxLength"].is_null() =>
            {
                Vec::new()
            }
            _ => vec![
                UNKNOWN.to_owned(),
                "%00".to_owned(),
                "%F0%9F".to_owned(),
                "%20".to_owned(),
            ],
        };
        if parameter["name"] == "cursor" {
            wrong.push(UNKNOWN.to_owned());
        }
        // Any text of one line is fit for these.
        if schema["format"].is_null() && schema["maxLength"].is_u64() {
            wrong = vec!["%00".to_owned()];
        }
        wrong.extend(
            schema["minimum"]
                .as_i64()
                .map(|least| (least - 1).to_string()),
        );
        wrong.extend(
            schema["maximum"]
                .as_i64()
                .map(|most| (most + 1).to_string()),
        );
        wrong
    };
    let wrong: Vec<_> = parameters
        .iter()
        .map(|parameter| (parameter["name"].as_str().unwrap(), wrong(parameter)))
        .filter(|(_, wrong)| !wrong.is_empty())
        .collect();
    let rounds = wrong
        .iter()
        .map(|(_, wrong)| wrong.len())
        .max()
        .unwrap_or_default();
    let round = |round: usize| Sent {
        query: wrong
            .iter()
            .map(|(name, wrong)| format!("{name}={}&", wrong[round % wrong.len()]))
            .chain([format!("{UNKNOWN}=1")])
            .collect(),
        body: operation.body(),
        places: wrong
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .chain([UNKNOWN.to_owned()])
            .collect(),
    };
    (0..rounds).map(round).collect()
}

#[tokio::test]
async fn every_answer_names_all_faults_in_words_that_a_caller_understands() {
    let world = World::new().await;
    let ward = Ward::new(&world).await;
    let before = world.stored().await;
    let document = document();
    let schemas = Schemas(document.clone());
    let (mut asked, mut faults, mut wrong) = (0, 0, Vec::new());
    for operation in Operation::all(&document) {
        if operation.is_for_anybody() {
            continue;
        }
        for sent in [bodies(&schemas, &operation), queries(&schemas, &operation)].concat() {
            let mut unfit = operation.unfit("", 422, "invalid");
            unfit.query.clone_from(&sent.query);
            unfit.body.clone_from(&sent.body);
            let (caller, request) = ward.request(&operation, &unfit);
            let answer = caller.send_request(request).await;
            asked += 1;
            faults += sent.places.len();
            let mut said = Vec::new();
            if answer.status != 422 || answer.body["type"] != "/problems/invalid" {
                said.push(format!("{} {}", answer.status, answer.text));
            } else {
                let places: BTreeSet<_> = answer.places().into_iter().collect();
                said.extend(places.symmetric_difference(&sent.places).map(|place| {
                    match sent.places.contains(place) {
                        true => format!("{place} is not named"),
                        false => format!("{place} is named"),
                    }
                }));
                for error in answer.body["errors"].as_array().unwrap() {
                    let message = error["message"].as_str().unwrap();
                    let words: BTreeSet<_> =
                        message.split(|c: char| !c.is_alphanumeric()).collect();
                    let inner = INNER_WORDS.iter().chain([&UNKNOWN]);
                    let inner = inner.filter(|word| match word.contains(' ') {
                        true => message.contains(*word),
                        false => words.contains(*word),
                    });
                    said.extend(inner.map(|word| format!("{word:?} in {message:?}")));
                    if !message.contains("expected") {
                        said.push(format!("{message:?} says not what is expected"));
                    }
                }
                let rows = world.audit_of(&answer).await;
                if rows.len() != 1 || rows[0].entry.details["reason"] != "invalid" {
                    said.push(format!("the audit row {rows:?}"));
                }
            }
            if !said.is_empty() {
                wrong.push(format!(
                    "{} ?{} {}: {}",
                    operation.name(),
                    sent.query,
                    sent.body,
                    said.join("; ")
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {asked}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(
        asked > 500 && faults > 2000,
        "{asked} requests with {faults} faults"
    );
    assert_eq!(world.stored().await, before);
}

//! Elements that several resources share.

use domain::coding::Coding;
use domain::measure::{Period, Quantity, Range, Ratio, ReferenceRange, SimpleQuantity};
use domain::user::Address;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::codes::System;
use crate::mapping::words::{UCUM, object};

/// <https://hl7.org/fhir/R4/extension-data-absent-reason.html>
pub const DATA_ABSENT: &str = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";
/// <https://hl7.org/fhir/R4/v3/NullFlavor/cs.html>
pub const NULL_FLAVOR: &str = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor";

/// The address of an extension of this project.
pub fn url(name: &str) -> String {
    format!("urn:caretrail:fhir:{name}")
}

/// An extension of this project. `kind` is the type of its value, such as `String`.
pub fn extension(name: &str, kind: &str, value: Value) -> Value {
    json!({"url": url(name), format!("value{kind}"): value})
}

/// A reference within the package.
pub fn reference(id: Uuid) -> Value {
    json!({"reference": id.urn().to_string()})
}

/// The id of a resource that is a part of another one, the same in each export.
pub fn part(of: Uuid, name: &str) -> Uuid {
    Uuid::new_v5(&of, name.as_bytes())
}

/// A concept: its coding, or else only its words.
pub fn concept(coding: &Coding) -> Value {
    match coding.code {
        Some(_) => json!({"coding": [coding]}),
        None => json!({"text": coding.display}),
    }
}

/// The concept with the words that somebody chose for it.
pub fn concept_as(coding: &Coding, words: Option<&str>) -> Value {
    let label = coding.display.as_ref().map(|display| display.as_str());
    let label = label.or(coding.code.as_ref().map(|code| code.as_str()));
    match words.filter(|words| Some(*words) != label) {
        Some(words) => json!({"coding": [coding], "text": words}),
        None => concept(coding),
    }
}

/// Concepts, if there are some.
pub fn concepts(codings: Option<&Vec<Coding>>) -> Option<Value> {
    let concepts: Vec<_> = codings?.iter().map(concept).collect();
    (!concepts.is_empty()).then(|| json!(concepts))
}

/// A code with its system, or else as words.
pub fn coded(said: &str, systems: &[System]) -> Value {
    let system = systems.iter().find(|system| system.codes.contains(&said));
    match system {
        Some(system) => json!({"coding": [{"system": system.url, "code": said}]}),
        None => json!({"text": said}),
    }
}

fn amount(amount: &impl Serialize) -> Value {
    let mut amount = json!(amount);
    if amount.get("code").is_some() {
        amount["system"] = json!(UCUM);
    }
    amount
}

/// A measured amount.
pub fn quantity(it: &Quantity) -> Value {
    amount(it)
}

/// An exact amount.
pub fn simple_quantity(it: &SimpleQuantity) -> Value {
    amount(it)
}

/// A range of amounts.
pub fn range(range: &Range) -> Value {
    let Range { low, high } = range;
    object([
        ("low", low.as_ref().map(simple_quantity)),
        ("high", high.as_ref().map(simple_quantity)),
    ])
}

/// A relation of two amounts.
pub fn ratio(ratio: &Ratio) -> Value {
    let Ratio {
        numerator,
        denominator,
    } = ratio;
    json!({"numerator": quantity(numerator), "denominator": quantity(denominator)})
}

/// A period between two times.
pub fn period(period: &Period) -> Value {
    json!(period)
}

/// The values with which a result is compared.
pub fn reference_ranges(ranges: Option<&Vec<ReferenceRange>>) -> Option<Value> {
    let ranges: Vec<_> = ranges?
        .iter()
        .map(|range| {
            let ReferenceRange {
                low,
                high,
                r#type,
                text,
            } = range;
            object([
                ("low", low.as_ref().map(simple_quantity)),
                ("high", high.as_ref().map(simple_quantity)),
                ("type", r#type.as_ref().map(concept)),
                ("text", text.as_ref().map(|text| json!(text))),
            ])
        })
        .collect();
    (!ranges.is_empty()).then(|| json!(ranges))
}

/// A value as JSON, if there is one.
pub fn given<T: Serialize>(value: Option<&T>) -> Option<Value> {
    value.map(|value| json!(value))
}

/// Whether the time has a time of day.
pub fn is_moment(time: &str) -> bool {
    time.contains('T')
}

/// Whether the time is known to the day.
pub fn is_day(time: &str) -> bool {
    time.len() >= "2026-01-01".len()
}

/// A postal address.
pub fn address(address: &Address) -> Value {
    let Address {
        line,
        city,
        state,
        postal_code,
        country,
    } = address;
    object([
        ("line", (!line.is_empty()).then(|| json!(line))),
        ("city", given(city.as_ref())),
        ("state", given(state.as_ref())),
        ("postalCode", given(postal_code.as_ref())),
        ("country", given(country.as_ref())),
    ])
}

/// The resource's identifier in the system that it was imported from.
pub fn imported(system: Option<&String>, value: Option<&String>) -> Option<Value> {
    Some(json!([{"system": system?, "value": value?}]))
}

//! Observations and DiagnosticReports become records of type LAB_RESULT.

use serde_json::{Value, json};

use super::carried::Carried;
use crate::lookup::Lookup;
use crate::mapping::words::{coding, label, object, status, text, time, words};
use crate::resources::{
    Component, Concept, DiagnosticReport, Observation, Period, Quantity, Resource, When,
};

/// Maps an Observation. `itself` is its own code and value.
///
/// # Errors
/// A code has no coding, or a value has no place in the API.
pub fn observation(observation: &Observation, itself: &Component) -> Result<Carried, String> {
    let components = observation.component.iter().map(|component| {
        Ok(object([
            ("code", Some(coding(&component.code, "component.code")?)),
            ("value", value(component)?),
        ]))
    });
    let components: Vec<_> = components.collect::<Result<_, String>>()?;
    let content = object([
        ("code", Some(coding(&itself.code, "code")?)),
        ("category", category(&observation.category)),
        ("status", status(&observation.status)),
        (
            "effective",
            effective(
                observation.effective_date_time.as_ref(),
                observation.effective_period.as_ref(),
            ),
        ),
        ("value", value(itself)?),
        (
            "components",
            (!components.is_empty()).then(|| json!(components)),
        ),
    ]);
    Ok(Carried::new("LAB_RESULT", content))
}

/// Maps a DiagnosticReport.
///
/// # Errors
/// Its code has no coding, or a result isn't in the bundle.
pub fn report(report: &DiagnosticReport, lookup: &Lookup<'_>) -> Result<Carried, String> {
    let results = report.result.iter().map(|result| {
        let measured = match lookup.resource(result)? {
            Some(Resource::Observation(_, itself)) => label(&itself.code, 500),
            _ => None,
        };
        Ok(result
            .display
            .as_deref()
            .and_then(|display| words(display, 500))
            .or(measured))
    });
    let results: Vec<_> = results.collect::<Result<_, String>>()?;
    let results: Vec<_> = results.into_iter().flatten().collect();
    let content = object([
        ("code", Some(coding(&report.code, "code")?)),
        ("category", category(&report.category)),
        ("status", status(&report.status)),
        (
            "effective",
            effective(
                report.effective_date_time.as_ref(),
                report.effective_period.as_ref(),
            ),
        ),
        ("results", (!results.is_empty()).then(|| json!(results))),
    ]);
    Ok(Carried::new("LAB_RESULT", content))
}

fn category(categories: &[Concept]) -> Option<Value> {
    let concept = categories.first()?;
    text(
        concept
            .coding
            .first()
            .and_then(|coding| coding.code.as_deref())
            .or(concept.text.as_deref()),
        100,
    )
}

fn effective(at: Option<&When>, during: Option<&Period>) -> Option<Value> {
    at.or_else(|| during.map(|period| &period.start)).map(time)
}

/// The value as the API has it. Errors: the API has no place for its type.
fn value(of: &Component) -> Result<Option<Value>, String> {
    if of.has_another_value() {
        return Err("its value[x] has a type that can't be carried over".into());
    }
    if let Some(amount) = &of.value_quantity {
        return Ok(quantity(amount));
    }
    if let Some(concept) = &of.value_codeable_concept {
        let coded = coding(concept, "")
            .ok()
            .map(|coded| json!({"coded": coded}));
        return Ok(coded.or_else(|| label(concept, 5000).map(|text| json!({"text": text}))));
    }
    let number = of
        .value_integer
        .as_ref()
        .map(|number| json!({"quantity": {"value": number}}));
    let words = text(of.value_string.as_deref(), 5000)
        .or_else(|| of.value_boolean.map(|is| json!(is.to_string())));
    Ok(number.or_else(|| words.map(|words| json!({"text": words}))))
}

/// An amount. With a comparator it becomes text, because "< 5 mg/dL" isn't 5 mg/dL.
fn quantity(amount: &Quantity) -> Option<Value> {
    let number = amount.value.as_ref()?;
    let unit = amount.unit.as_deref().or(amount.code.as_deref());
    if let Some(comparator) = &amount.comparator {
        let said = format!("{comparator} {number} {}", unit.unwrap_or_default());
        return text(Some(&said), 5000).map(|said| json!({"text": said}));
    }
    Some(json!({"quantity": object([
        ("value", Some(json!(number))),
        ("unit", text(amount.unit.as_deref(), 100)),
        ("code", text(amount.code.as_deref(), 100)),
    ])}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_with_a_comparator_stays_true() {
        let below = serde_json::from_value(json!({"value": 5, "comparator": "<", "unit": "mg/dL"}))
            .unwrap();
        assert_eq!(quantity(&below), Some(json!({"text": "< 5 mg/dL"})));
        let plain =
            serde_json::from_value(json!({"value": 5.25, "unit": "mg/dL", "code": "mg/dL"}))
                .unwrap();
        let expected = json!({"quantity": {"value": 5.25, "unit": "mg/dL", "code": "mg/dL"}});
        assert_eq!(quantity(&plain), Some(expected));
    }
}

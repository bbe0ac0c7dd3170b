//! Text, codes and times within the API's limits.

use serde_json::{Map, Value, json};

use crate::resources::{Coding, Concept, Period, When};

/// What is carried over less precisely than the resource says it.
pub type Notes = Vec<String>;

/// The longest `display` of a coding.
const MAX_DISPLAY: usize = 500;
/// The longest status.
const MAX_STATUS: usize = 50;

/// An object of the fields that have a value.
pub fn object<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    let fields = fields
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(fields.collect::<Map<_, _>>())
}

/// The text as one line of at most `max` characters, without characters that the API refuses; `None` if it is
/// blank.
pub fn words(text: &str, max: usize) -> Option<String> {
    let clean = parsing::fit_line(text);
    if clean.chars().count() <= max {
        return (!clean.is_empty()).then_some(clean);
    }
    Some(clean.chars().take(max - 1).chain(['…']).collect())
}

/// [`words`] as JSON.
pub fn text(text: Option<&str>, max: usize) -> Option<Value> {
    words(text?, max).map(Value::from)
}

/// A FHIR status code.
pub fn status(code: &str) -> Option<Value> {
    text(Some(code), MAX_STATUS)
}

/// The status code of a concept such as `clinicalStatus`.
pub fn status_of(concept: Option<&Concept>) -> Option<Value> {
    status(concept?.coding.first()?.code.as_deref()?)
}

/// The concept in words: its text, or else the `display` of a coding.
pub fn label(concept: &Concept, max: usize) -> Option<String> {
    let displays = concept
        .coding
        .iter()
        .filter_map(|coding| coding.display.as_deref());
    concept
        .text
        .as_deref()
        .into_iter()
        .chain(displays)
        .find_map(|text| words(text, max))
}

/// The concept's first complete coding. Errors: it has none, and the API needs one.
pub fn coding(concept: &Concept, field: &str) -> Result<Value, String> {
    (concept.coding.iter())
        .find_map(|coding| coding_of(coding, concept.text.as_deref()))
        .ok_or_else(|| format!("{field} has no coding with system and code"))
}

/// A coding that has a system and a code. `otherwise` is its display if it has none.
pub fn coding_of(coding: &Coding, otherwise: Option<&str>) -> Option<Value> {
    let display = coding.display.as_deref().or(otherwise);
    let (system, code) = (coding.system.as_deref()?, coding.code.as_deref()?);
    let within = |text: &str, max| words(text, max).as_deref() == Some(text);
    if !within(system, 255) || !within(code, 100) {
        return None;
    }
    Some(object([
        ("system", Some(json!(system))),
        ("code", Some(json!(code))),
        ("display", text(display, MAX_DISPLAY)),
    ]))
}

/// A time in UTC, or a day, month or year.
pub fn time(when: &When) -> Value {
    match &when.period {
        Some(period) => json!(period),
        None => json!(when.at),
    }
}

/// Start and end of a period.
pub fn times(period: Option<&Period>) -> (Option<Value>, Option<Value>) {
    let start = period.map(|period| time(&period.start));
    let end = period.and_then(|period| period.end.as_ref()).map(time);
    (start, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_bounded_in_characters_and_loses_control_characters() {
        assert_eq!(words(" a\u{0}b\n", 9).as_deref(), Some("a b"));
        assert_eq!(words("äöüß", 3).as_deref(), Some("äö…"));
        assert_eq!(words("äöü", 3).as_deref(), Some("äöü"));
        assert_eq!(words(" \t", 3), None);
    }

    #[test]
    fn a_coding_needs_system_and_code_and_takes_the_text_for_its_display() {
        let concept: Concept = serde_json::from_value(json!({
            "coding": [{"code": "1"}, {"system": "http://loinc.org", "code": "8302-2"}], "text": "Height"
        }))
        .unwrap();
        let expected = json!({"system": "http://loinc.org", "code": "8302-2", "display": "Height"});
        assert_eq!(coding(&concept, "code").unwrap(), expected);
        let uncoded: Concept = serde_json::from_value(json!({"text": "Height"})).unwrap();
        assert!(coding(&uncoded, "code").is_err());
    }
}

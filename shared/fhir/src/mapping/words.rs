//! Text, codes, numbers and times within the API's limits.

use chrono::{NaiveTime, Timelike as _};
use serde_json::{Map, Value, json};

use super::Mapper;
use crate::resources::{
    Annotation, Coding, Concept, Period, Quantity, Range, Ratio, Reference, When,
};

/// The longest `display` of a coding.
const MAX_DISPLAY: usize = 500;
/// The longest status.
const MAX_STATUS: usize = 50;
/// The system of units (<https://ucum.org>).
pub const UCUM: &str = "http://unitsofmeasure.org";

/// An object of the fields that have a value.
pub fn object<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    let fields = fields
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(fields.collect::<Map<_, _>>())
}

/// [`object`], or none if no field has a value.
pub fn object_of_some<const N: usize>(fields: [(&str, Option<Value>); N]) -> Option<Value> {
    let object = object(fields);
    object
        .as_object()
        .is_some_and(|fields| !fields.is_empty())
        .then_some(object)
}

/// The items, or none if there are none.
pub fn list(items: impl IntoIterator<Item = Value>) -> Option<Value> {
    let items: Vec<_> = items.into_iter().collect();
    (!items.is_empty()).then(|| json!(items))
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

/// The status code of a concept such as `clinicalStatus`: that of HL7 if it has several, or else its words.
pub fn status_of(concept: Option<&Concept>) -> Option<Value> {
    let concept = concept?;
    let codings = concept.coding.iter();
    let of_hl7 = codings.clone().filter(|coding| {
        let system = coding.system.as_deref();
        system.is_some_and(|system| system.starts_with("http://terminology.hl7.org/"))
    });
    let code = of_hl7.chain(codings).find_map(|it| it.code.as_deref());
    status(code.or(concept.text.as_deref())?)
}

/// The code of the first category, or its text.
pub fn category(categories: &[Concept]) -> Option<Value> {
    let concept = categories.first()?;
    let coding = concept.coding.first();
    let code = coding.and_then(|coding| coding.code.as_deref());
    text(code.or(concept.text.as_deref()), 100)
}

/// The concept in words: its text, or else the `display` of a coding, or else a bare code.
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
        .chain(concept.coding.iter().filter_map(|it| it.code.as_deref()))
        .find_map(|text| words(text, max))
}

/// What is said in notes.
pub fn notes(notes: &[Annotation]) -> Vec<String> {
    notes.iter().filter_map(|note| note.text.clone()).collect()
}

/// A coding that has a system and a code in the form of that system. `otherwise` is its display if it has none.
pub fn coding_of(coding: &Coding, otherwise: Option<&str>) -> Option<Value> {
    let display = coding.display.as_deref().or(otherwise);
    let (system, code) = (coding.system.as_deref()?, coding.code.as_deref()?);
    let within = |text: &str, max| words(text, max).as_deref() == Some(text);
    let has_form = parsing::code_form(system).is_none_or(|form| form.fits(code));
    let is_system = parsing::is_absolute_uri(system) && within(system, 255);
    if !is_system || !has_form || !within(code, 100) {
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

/// A time of day in whole seconds, as the API keeps it. `None` if it has a fraction or a leap second.
pub fn clock_time(text: &str) -> Option<String> {
    let time = NaiveTime::parse_from_str(text, "%H:%M:%S%.f").ok()?;
    (time.nanosecond() == 0).then(|| time.format("%H:%M:%S").to_string())
}

/// Start and end of a period.
pub fn times(period: Option<&Period>) -> (Option<Value>, Option<Value>) {
    let start = period.and_then(|period| period.start.as_ref()).map(time);
    let end = period.and_then(|period| period.end.as_ref()).map(time);
    (start, end)
}

/// A period with a start or an end.
pub fn period(period: &Period) -> Option<Value> {
    let (start, end) = times(Some(period));
    object_of_some([("start", start), ("end", end)])
}

/// A number with its unit, and a comparator if it has one.
pub fn quantity(amount: &Quantity) -> Option<Value> {
    let number = amount.value.as_ref()?;
    // A code of another system than the API's would say something else.
    let is_ucum = amount.system.as_deref().is_none_or(|system| system == UCUM);
    let code = amount.code.as_deref();
    let unit = amount.unit.as_deref().or(code);
    Some(object([
        ("value", Some(json!(number))),
        ("comparator", text(amount.comparator.as_deref(), 2)),
        ("unit", text(unit, 100)),
        ("code", text(code.filter(|_| is_ucum), 100)),
    ]))
}

/// A number with its unit, where R4 allows no comparator.
pub fn simple_quantity(amount: &Quantity) -> Option<Value> {
    match amount.comparator {
        None => quantity(amount),
        Some(_) => None,
    }
}

/// A range with a lower or an upper end.
pub fn range(range: &Range) -> Option<Value> {
    object_of_some([
        ("low", range.low.as_ref().and_then(simple_quantity)),
        ("high", range.high.as_ref().and_then(simple_quantity)),
    ])
}

/// A ratio of two numbers.
pub fn ratio(ratio: &Ratio) -> Option<Value> {
    Some(json!({
        "numerator": quantity(ratio.numerator.as_ref()?)?,
        "denominator": quantity(ratio.denominator.as_ref()?)?,
    }))
}

/// An amount in words, such as "< 5 mg".
pub fn amount_in_words(amount: &Quantity) -> Option<String> {
    let number = amount.value.as_ref()?.to_string();
    let unit = amount.unit.as_deref().or(amount.code.as_deref());
    let parts = [amount.comparator.as_deref(), Some(&number), unit];
    words(
        &parts.into_iter().flatten().collect::<Vec<_>>().join(" "),
        200,
    )
}

/// A range in words, such as "40 a to 50 a".
pub fn range_in_words(range: &Range) -> Option<String> {
    let low = range.low.as_ref().and_then(amount_in_words);
    let high = range.high.as_ref().and_then(amount_in_words);
    match (low, high) {
        (Some(low), Some(high)) => Some(format!("{low} to {high}")),
        (Some(low), None) => Some(format!("from {low}")),
        (None, Some(high)) => Some(format!("up to {high}")),
        (None, None) => None,
    }
}

/// A time that isn't given as a date: text, an age or a range of ages.
pub fn time_in_words(
    said: Option<&str>,
    age: Option<&Quantity>,
    range: Option<&Range>,
) -> Option<Value> {
    let said = said.and_then(|said| words(said, 500));
    let aged = |age: String| format!("at the age of {age}");
    let age = age.and_then(amount_in_words).map(aged);
    let range = range.and_then(range_in_words).map(aged);
    said.or(age).or(range).map(Value::from)
}

impl<'a> Mapper<'a> {
    /// The concept's coding: the one that its author chose, or else the first with system and code, or else only its
    /// words. A note says if more than one coding or another text was there.
    pub(super) fn coding(&mut self, concept: &Concept) -> Option<Value> {
        let chosen = concept.coding.iter();
        let chosen = chosen.filter(|coding| coding.user_selected == Some(true));
        let coded = chosen
            .chain(&concept.coding)
            .find_map(|coding| coding_of(coding, concept.text.as_deref()));
        let Some(coded) = coded else {
            return label(concept, MAX_DISPLAY).map(|words| json!({"display": words}));
        };
        if concept.coding.len() > 1 {
            self.note("only one of several codings of a concept is carried over");
        }
        let said = concept
            .text
            .as_deref()
            .and_then(|text| words(text, MAX_DISPLAY));
        if said.is_some_and(|said| coded["display"] != said) {
            self.note(
                "the display of a coding is carried over, and the text of the concept is not",
            );
        }
        Some(coded)
    }

    /// [`Mapper::coding`] of a concept that may be absent.
    pub(super) fn coding_if(&mut self, concept: Option<&Concept>) -> Option<Value> {
        self.coding(concept?)
    }

    /// [`Mapper::coding`] of a concept that the API needs.
    pub(super) fn needed_coding(
        &mut self,
        concept: &Concept,
        field: &str,
    ) -> Result<Value, String> {
        self.coding(concept)
            .ok_or_else(|| format!("{field} has neither a coding nor text"))
    }

    /// The codings of these concepts.
    pub(super) fn codings(&mut self, concepts: &[Concept]) -> Option<Value> {
        let codings: Vec<_> = concepts.iter().filter_map(|it| self.coding(it)).collect();
        list(codings)
    }

    /// The words in which the reference names its target.
    pub(super) fn named(&mut self, reference: &Reference, max: usize) -> Option<Value> {
        let named = text(reference.display.as_deref(), max);
        if named.is_none() {
            self.note("a reference without a name is not carried over");
        }
        named
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::{Entry, read};
    use crate::lookup::Lookup;

    #[test]
    fn text_is_bounded_in_characters_and_loses_control_characters() {
        assert_eq!(words(" a\u{0}b\n", 9).as_deref(), Some("a b"));
        assert_eq!(words("äöüß", 3).as_deref(), Some("äö…"));
        assert_eq!(words("äöü", 3).as_deref(), Some("äöü"));
        assert_eq!(words(" \t", 3), None);
    }

    fn coded(concept: Value) -> (Option<Value>, Vec<String>) {
        let source = br#"{"resourceType": "Basic"}"#;
        let entries: Vec<Entry> = read(source.as_slice(), "test".into()).unwrap();
        let lookup = Lookup::new(&entries);
        let mut mapper = Mapper::new(&entries[0], &lookup);
        let concept: Concept = serde_json::from_value(concept).unwrap();
        let coded = mapper.coding(&concept);
        (coded, mapper.notes)
    }

    #[test]
    fn a_concept_becomes_the_coding_that_was_chosen_or_its_words() {
        let (height, size) = (
            json!({"system": "http://loinc.org", "code": "8302-2", "display": "Body height"}),
            json!({"system": "http://loinc.org", "code": "3137-7", "userSelected": true}),
        );
        for (concept, expected, notes) in [
            (json!({"coding": [height]}), height.clone(), 0),
            (
                json!({"coding": [height], "text": "Height"}),
                height.clone(),
                1,
            ),
            (
                json!({"coding": [{"code": "1"}, height]}),
                height.clone(),
                1,
            ),
            (
                json!({"coding": [height, size], "text": "Size"}),
                json!({"system": "http://loinc.org", "code": "3137-7", "display": "Size"}),
                1,
            ),
            (json!({"text": "Height"}), json!({"display": "Height"}), 0),
            // A code that isn't one of its system
            (
                json!({"coding": [{"system": "http://loinc.org", "code": "HEIGHT", "display": "Height"}]}),
                json!({"display": "Height"}),
                0,
            ),
            (
                json!({"coding": [{"code": "1", "display": "One"}]}),
                json!({"display": "One"}),
                0,
            ),
        ] {
            let (coded, said) = coded(concept.clone());
            assert_eq!(coded, Some(expected), "{concept}");
            assert_eq!(said.len(), notes, "{concept}: {said:?}");
        }
        let bare = coded(json!({"coding": [{"code": "HH"}]})).0;
        assert_eq!(bare, Some(json!({"display": "HH"})));
        assert_eq!(coded(json!({})).0, None);
    }

    #[test]
    fn an_amount_keeps_its_comparator_and_its_digits() {
        let of = |amount: &str| {
            quantity(&serde_json::from_str(amount).unwrap())
                .unwrap()
                .to_string()
        };
        assert_eq!(
            of(r#"{"value": 5.250, "comparator": "<", "unit": "mg/dL", "code": "mg/dL"}"#),
            r#"{"code":"mg/dL","comparator":"<","unit":"mg/dL","value":5.250}"#
        );
        // The code of another system is only a unit in words.
        assert_eq!(
            of(r#"{"value": 1, "system": "http://snomed.info/sct", "code": "428673006"}"#),
            r#"{"unit":"428673006","value":1}"#
        );
    }
}

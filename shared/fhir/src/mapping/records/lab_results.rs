//! Observations and DiagnosticReports become records of type LAB_RESULT.

use serde_json::{Value, json};

use super::carried::Carried;
use crate::mapping::Mapper;
use crate::mapping::words::{
    category, clock_time, label, list, notes, object, period, quantity, range, ratio,
    simple_quantity, status, text, time, times, words,
};
use crate::resources::{
    Component, DiagnosticReport, Observation, Period, Reference, ReferenceRange, Resource, When,
};

/// The notes of a report begin with this.
pub(crate) const CONCLUSION: &str = "Conclusion: ";

/// Maps an Observation. `itself` is its own code and value.
///
/// # Errors
/// A code has no coding, or a value has no place in the API.
pub fn observation(
    observation: &Observation,
    itself: &Component,
    mapper: &mut Mapper<'_>,
) -> Result<Carried, String> {
    let mut components = Vec::new();
    for component in &observation.component {
        components.push(object([
            (
                "code",
                Some(mapper.needed_coding(&component.code, "component.code")?),
            ),
            ("value", value(component, mapper)?),
            ("data_absent_reason", absence(component, mapper)),
            ("interpretation", mapper.codings(&component.interpretation)),
            (
                "reference_range",
                reference_ranges(&component.reference_range, mapper),
            ),
        ]));
    }
    let at = observation.effective_date_time.as_ref();
    let at = at.or(observation.effective_instant.as_ref());
    let [effective, start, end] = effective(at, observation.effective_period.as_ref());
    let content = object([
        ("code", Some(mapper.needed_coding(&itself.code, "code")?)),
        ("category", category(&observation.category)),
        ("status", status(&observation.status)),
        ("effective", effective),
        ("effective_start", start),
        ("effective_end", end),
        ("issued", observation.issued.as_ref().map(time)),
        ("value", value(itself, mapper)?),
        ("data_absent_reason", absence(itself, mapper)),
        ("interpretation", mapper.codings(&itself.interpretation)),
        (
            "specimen",
            observation
                .specimen
                .as_ref()
                .and_then(|it| specimen(it, mapper)),
        ),
        (
            "reference_range",
            reference_ranges(&itself.reference_range, mapper),
        ),
        ("components", list(components)),
    ]);
    Ok(Carried {
        notes: notes(&observation.note),
        ..Carried::new("LAB_RESULT", content)
    })
}

/// Maps a DiagnosticReport.
///
/// # Errors
/// Its code has no coding.
pub fn report(report: &DiagnosticReport, mapper: &mut Mapper<'_>) -> Result<Carried, String> {
    let results = report.result.iter().filter_map(|result| {
        let display = result.display.as_deref();
        let display = display.and_then(|display| words(display, 500));
        display.or_else(|| match mapper.resource(result, "Observation")? {
            Resource::Observation(_, itself) => label(&itself.code, 500),
            _ => None,
        })
    });
    let results: Vec<_> = results.map(Value::from).collect();
    let [effective, start, end] = effective(
        report.effective_date_time.as_ref(),
        report.effective_period.as_ref(),
    );
    let content = object([
        ("code", Some(mapper.needed_coding(&report.code, "code")?)),
        ("category", category(&report.category)),
        ("status", status(&report.status)),
        ("effective", effective),
        ("effective_start", start),
        ("effective_end", end),
        ("issued", report.issued.as_ref().map(time)),
        ("results", list(results)),
    ]);
    let conclusion = report.conclusion.iter();
    let conclusion = conclusion.map(|conclusion| format!("{CONCLUSION}{conclusion}"));
    Ok(Carried {
        notes: conclusion.collect(),
        ..Carried::new("LAB_RESULT", content)
    })
}

/// The time of the measurement: one moment, or the start and the end.
fn effective(at: Option<&When>, during: Option<&Period>) -> [Option<Value>; 3] {
    match at {
        Some(at) => [Some(time(at)), None, None],
        None => {
            let (start, end) = times(during);
            [None, start, end]
        }
    }
}

fn specimen(reference: &Reference, mapper: &mut Mapper<'_>) -> Option<Value> {
    if let Some(words) = text(reference.display.as_deref(), 500) {
        return Some(json!({"display": words}));
    }
    match mapper.resource(reference, "Specimen")? {
        Resource::Specimen(specimen) => mapper.coding_if(specimen.r#type.as_ref()),
        _ => None,
    }
}

fn reference_ranges(ranges: &[ReferenceRange], mapper: &mut Mapper<'_>) -> Option<Value> {
    let ranges = ranges.iter().filter_map(|range| {
        let low = range.low.as_ref().and_then(simple_quantity);
        let high = range.high.as_ref().and_then(simple_quantity);
        let said = text(range.text.as_deref(), 1000);
        if low.is_none() && high.is_none() && said.is_none() {
            mapper.note("a reference range without numbers and text is not carried over");
            return None;
        }
        let kind = mapper.coding_if(range.r#type.as_ref());
        Some(object([
            ("low", low),
            ("high", high),
            ("type", kind),
            ("text", said),
        ]))
    });
    let ranges: Vec<_> = ranges.collect();
    list(ranges)
}

/// The reason for which there is no value.
fn absence(of: &Component, mapper: &mut Mapper<'_>) -> Option<Value> {
    mapper.coding_if(of.data_absent_reason.as_ref())
}

/// The value as the API has it. Errors: the API has no place for it.
fn value(of: &Component, mapper: &mut Mapper<'_>) -> Result<Option<Value>, String> {
    const NO_PLACE: &str = "its value[x] can't be carried over";
    let whole = |value: Option<Value>, name: &str| {
        value
            .map(|value| Some(json!({name: value})))
            .ok_or_else(|| NO_PLACE.to_owned())
    };
    if of.values() > 1 {
        return Err("has more than one value[x]".to_owned());
    }
    if let Some(amount) = &of.value_quantity {
        return whole(quantity(amount), "quantity");
    }
    if let Some(concept) = &of.value_codeable_concept {
        return whole(mapper.coding(concept), "coded");
    }
    if let Some(words) = &of.value_string {
        return whole(text(Some(words), 5000), "text");
    }
    if let Some(is) = of.value_boolean {
        return whole(Some(json!(is)), "boolean");
    }
    if let Some(number) = &of.value_integer {
        return whole(Some(json!(number)), "integer");
    }
    if let Some(between) = &of.value_range {
        return whole(range(between), "range");
    }
    if let Some(of) = &of.value_ratio {
        return whole(ratio(of), "ratio");
    }
    if let Some(clock) = &of.value_time {
        return match clock_time(clock) {
            Some(clock) => whole(Some(json!(clock)), "time"),
            None => whole(text(Some(clock), 5000), "text"),
        };
    }
    if let Some(at) = &of.value_date_time {
        return whole(Some(time(at)), "date_time");
    }
    if let Some(during) = &of.value_period {
        return whole(period(during), "period");
    }
    match of.value_sampled_data {
        Some(_) => Err(NO_PLACE.to_owned()),
        None => Ok(None),
    }
}

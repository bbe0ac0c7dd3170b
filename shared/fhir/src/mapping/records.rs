//! Clinical resources become medical records.

use serde_json::{Value, json};

use super::words::{
    Notes, coding, coding_of, label, object, status, status_of, text, time, times, words,
};
use crate::lookup::Lookup;
use crate::resources::{
    CarePlan, Component, Concept, Condition, DiagnosticReport, Dosage, ImagingStudy, Immunization,
    MedicationRequest, Observation, Period, Procedure, Quantity, Reference, Resource, When,
};

/// The longest text of a record's own columns.
const MAX_COLUMN: usize = 10_000;

/// A record's type and content, with the plain words of its columns.
#[derive(Debug)]
pub struct Carried {
    /// The API's `record_type`.
    pub record_type: &'static str,
    /// In the shape of that type.
    pub content: Value,
    /// The condition, in words.
    pub diagnosis: Option<String>,
    /// What was done about it, in words.
    pub treatment: Option<String>,
}

impl Carried {
    fn new(record_type: &'static str, content: Value) -> Self {
        Self {
            record_type,
            content,
            diagnosis: None,
            treatment: None,
        }
    }
}

/// The record that the resource becomes; none when it isn't one that becomes a record.
pub fn record(
    resource: &Resource,
    lookup: &Lookup<'_>,
    notes: &mut Notes,
) -> Option<Result<Carried, String>> {
    Some(match resource {
        Resource::Condition(condition) => diagnosis(condition, notes),
        Resource::Procedure(procedure) => treatment(procedure, lookup, notes),
        Resource::Observation(observation, itself) => measurement(observation, itself, notes),
        Resource::Report(report) => results(report, lookup, notes),
        Resource::Medication(request) => prescription(request, lookup, notes),
        Resource::Immunization(immunization) => vaccination(immunization, notes),
        Resource::CarePlan(plan) => care_plan(plan, lookup, notes),
        Resource::Imaging(study) => Ok(imaging(study, notes)),
        Resource::Patient(_)
        | Resource::Practitioner(_)
        | Resource::Organization(_)
        | Resource::Encounter(_)
        | Resource::Allergy(_)
        | Resource::Goal(_) => return None,
    })
}

fn diagnosis(condition: &Condition, notes: &mut Notes) -> Result<Carried, String> {
    let content = object([
        ("code", Some(coding(&condition.code, "code")?)),
        (
            "clinical_status",
            status_of(condition.clinical_status.as_ref()),
        ),
        (
            "verification_status",
            status_of(condition.verification_status.as_ref()),
        ),
        (
            "onset",
            condition.onset_date_time.map(|when| time(when, notes)),
        ),
        (
            "abatement",
            condition.abatement_date_time.map(|when| time(when, notes)),
        ),
    ]);
    Ok(Carried {
        diagnosis: label(&condition.code, MAX_COLUMN),
        ..Carried::new("DIAGNOSIS", content)
    })
}

fn treatment(
    procedure: &Procedure,
    lookup: &Lookup<'_>,
    notes: &mut Notes,
) -> Result<Carried, String> {
    let (start, end) = times(procedure.performed_period.as_ref(), notes);
    let conditions = conditions(&procedure.reason_reference, lookup)?;
    let reason = conditions
        .iter()
        .copied()
        .chain(&procedure.reason_code)
        .find_map(|concept| coding(concept, "").ok());
    let content = object([
        ("code", Some(coding(&procedure.code, "code")?)),
        ("status", status(&procedure.status)),
        (
            "performed_start",
            start.or_else(|| procedure.performed_date_time.map(|when| time(when, notes))),
        ),
        ("performed_end", end),
        ("reason", reason),
    ]);
    Ok(Carried {
        diagnosis: labels(&conditions),
        treatment: label(&procedure.code, MAX_COLUMN),
        ..Carried::new("TREATMENT", content)
    })
}

fn measurement(
    observation: &Observation,
    itself: &Component,
    notes: &mut Notes,
) -> Result<Carried, String> {
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
                observation.effective_date_time,
                observation.effective_period.as_ref(),
                notes,
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

fn results(
    report: &DiagnosticReport,
    lookup: &Lookup<'_>,
    notes: &mut Notes,
) -> Result<Carried, String> {
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
                report.effective_date_time,
                report.effective_period.as_ref(),
                notes,
            ),
        ),
        ("results", (!results.is_empty()).then(|| json!(results))),
    ]);
    Ok(Carried::new("LAB_RESULT", content))
}

fn prescription(
    request: &MedicationRequest,
    lookup: &Lookup<'_>,
    notes: &mut Notes,
) -> Result<Carried, String> {
    let steps: Vec<_> = request
        .dosage_instruction
        .iter()
        .filter_map(dosage)
        .collect();
    let as_needed = request
        .dosage_instruction
        .iter()
        .find_map(|dosage| dosage.as_needed_boolean);
    let content = object([
        (
            "medication",
            Some(coding(
                &request.medication_codeable_concept,
                "medicationCodeableConcept",
            )?),
        ),
        ("status", status(&request.status)),
        (
            "authored_on",
            request.authored_on.map(|when| time(when, notes)),
        ),
        ("dosage", text(Some(&steps.join(" Then: ")), 2000)),
        ("as_needed", as_needed.map(Value::from)),
    ]);
    Ok(Carried {
        diagnosis: labels(&conditions(&request.reason_reference, lookup)?),
        ..Carried::new("PRESCRIPTION", content)
    })
}

fn vaccination(immunization: &Immunization, notes: &mut Notes) -> Result<Carried, String> {
    let content = object([
        (
            "vaccine",
            Some(coding(&immunization.vaccine_code, "vaccineCode")?),
        ),
        ("status", status(&immunization.status)),
        (
            "occurrence",
            immunization
                .occurrence_date_time
                .map(|when| time(when, notes)),
        ),
    ]);
    Ok(Carried::new("IMMUNIZATION", content))
}

fn care_plan(plan: &CarePlan, lookup: &Lookup<'_>, notes: &mut Notes) -> Result<Carried, String> {
    let (start, end) = times(plan.period.as_ref(), notes);
    let mut activities = Vec::new();
    for activity in &plan.activity {
        let detail = activity.detail.as_ref();
        let coded = detail.and_then(|detail| coding(detail.code.as_ref()?, "").ok());
        match coded {
            Some(code) => activities.push(object([
                ("code", Some(code)),
                (
                    "status",
                    detail.and_then(|detail| status(detail.status.as_deref()?)),
                ),
            ])),
            None => notes.push("an activity without a code was left out".into()),
        }
    }
    let content = object([
        (
            "category",
            Some(coding(
                plan.category.first().ok_or("lacks category")?,
                "category",
            )?),
        ),
        ("status", status(&plan.status)),
        ("period_start", start),
        ("period_end", end),
        (
            "activities",
            (!activities.is_empty()).then(|| json!(activities)),
        ),
    ]);
    Ok(Carried {
        diagnosis: labels(&conditions(&plan.addresses, lookup)?),
        ..Carried::new("CARE_PLAN", content)
    })
}

fn imaging(study: &ImagingStudy, notes: &mut Notes) -> Carried {
    if study.series.len() > 1 {
        notes.push("modality and body site are those of the first of several series".into());
    }
    let series = study.series.first();
    let titles = study.series.iter().flat_map(|series| &series.instance);
    let titles: Vec<_> = titles
        .filter_map(|instance| instance.title.as_deref())
        .collect();
    let description = study
        .description
        .clone()
        .unwrap_or_else(|| titles.join("; "));
    let content = object([
        (
            "modality",
            series.and_then(|series| coding_of(series.modality.as_ref()?, None)),
        ),
        (
            "body_site",
            series.and_then(|series| coding_of(series.body_site.as_ref()?, None)),
        ),
        ("started", study.started.map(|when| time(when, notes))),
        ("description", text(Some(&description), 2000)),
        ("instances", study.number_of_instances.map(Value::from)),
    ]);
    Carried::new("IMAGING", content)
}

/// The conditions that are referred to; what is no condition is left out.
fn conditions<'a>(
    references: &[Reference],
    lookup: &Lookup<'a>,
) -> Result<Vec<&'a Concept>, String> {
    let resources = references
        .iter()
        .map(|reference| lookup.resource(reference));
    let resources: Vec<_> = resources.collect::<Result<_, String>>()?;
    let conditions = resources.into_iter().filter_map(|resource| match resource {
        Some(Resource::Condition(condition)) => Some(&condition.code),
        _ => None,
    });
    Ok(conditions.collect())
}

fn labels(concepts: &[&Concept]) -> Option<String> {
    let labels: Vec<_> = concepts
        .iter()
        .filter_map(|concept| label(concept, 500))
        .collect();
    words(&labels.join("; "), MAX_COLUMN)
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

fn effective(at: Option<When>, during: Option<&Period>, notes: &mut Notes) -> Option<Value> {
    at.or_else(|| during.map(|period| period.start))
        .map(|when| time(when, notes))
}

/// A result as the API has it. Errors: of a kind that it has no place for.
fn value(of: &Component) -> Result<Option<Value>, String> {
    if of.has_another_value() {
        return Err("its value[x] is of a kind that can't be carried over".into());
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

/// An amount. One with a comparator becomes words: "< 5 mg/dL" is not 5 mg/dL.
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

/// How to take it, in words: those given, or else what the structure says.
fn dosage(dosage: &Dosage) -> Option<String> {
    if let Some(text) = &dosage.text {
        return words(text, 2000);
    }
    let dose = dosage.dose_and_rate.iter().find_map(|rate| {
        let dose = rate.dose_quantity.as_ref()?;
        Some(format!(
            "{} {}",
            dose.value.as_ref()?,
            dose.unit.as_deref().unwrap_or("dose(s)")
        ))
    });
    let repeat = dosage.timing.as_ref().and_then(|timing| {
        let repeat = timing.repeat.as_ref()?;
        let (frequency, period) = (repeat.frequency.as_ref()?, repeat.period.as_ref()?);
        Some(format!(
            "{frequency} time(s) every {period} {}",
            repeat.period_unit.as_deref()?
        ))
    });
    let schedule: Vec<_> = dose.into_iter().chain(repeat).collect();
    let instructions = dosage
        .additional_instruction
        .iter()
        .filter_map(|concept| label(concept, 500));
    let sentences: Vec<_> = words(&schedule.join(", "), 500)
        .into_iter()
        .chain(instructions)
        .collect();
    let said: Vec<_> = sentences
        .iter()
        .map(|sentence| format!("{}.", sentence.trim_end_matches('.')))
        .collect();
    words(&said.join(" "), 2000)
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

    #[test]
    fn a_structured_dosage_is_put_into_words() {
        let structured = serde_json::from_value(json!({
            "timing": {"repeat": {"frequency": 3, "period": 1, "periodUnit": "d"}},
            "doseAndRate": [{"doseQuantity": {"value": 1}}],
            "additionalInstruction": [{"text": "Take at regular intervals."}],
        }))
        .unwrap();
        assert_eq!(
            dosage(&structured).unwrap(),
            "1 dose(s), 3 time(s) every 1 d. Take at regular intervals."
        );
        assert_eq!(
            dosage(&serde_json::from_value(json!({"sequence": 1})).unwrap()),
            None
        );
    }
}

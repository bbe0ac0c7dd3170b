//! MedicationRequests become records of type PRESCRIPTION.

use serde::Deserialize as _;
use serde_json::{Value, json};

use super::carried::Carried;
use super::reasons::{conditions, labels};
use crate::mapping::Mapper;
use crate::mapping::words::{
    amount_in_words, category, clock_time, label, list, notes, object, object_of_some, period,
    range, range_in_words, ratio, simple_quantity, status, text, time, words,
};
use crate::resources::{Dosage, DoseAndRate, MedicationRequest, Repeat, Resource, Timing};

/// Maps a MedicationRequest.
///
/// # Errors
/// The medication has neither a coding nor text.
pub fn prescription(
    request: &MedicationRequest,
    mapper: &mut Mapper<'_>,
) -> Result<Carried, String> {
    let mut steps: Vec<_> = request.dosage_instruction.iter().collect();
    steps.sort_by_key(|step| step.sequence);
    let instructions: Vec<_> = steps
        .iter()
        .filter_map(|step| instruction(step, mapper))
        .collect();
    let dispense = request.dispense_request.as_ref();
    let content = object([
        ("medication", Some(medication(request, mapper)?)),
        ("status", status(&request.status)),
        ("intent", request.intent.as_deref().and_then(status)),
        ("category", category(&request.category)),
        ("reported", request.reported_boolean.map(Value::from)),
        ("authored_on", request.authored_on.as_ref().map(time)),
        ("dosage", steps_in_words(&steps).map(Value::from)),
        ("dosage_instruction", list(instructions)),
        (
            "dispense",
            object_of_some([
                (
                    "quantity",
                    dispense.and_then(|it| simple_quantity(it.quantity.as_ref()?)),
                ),
                (
                    "repeats",
                    dispense.and_then(|it| Some(json!(it.number_of_repeats_allowed?))),
                ),
            ]),
        ),
    ]);
    let mut reasons = conditions(&request.reason_reference, mapper);
    reasons.extend(&request.reason_code);
    Ok(Carried {
        diagnosis: labels(&reasons),
        notes: notes(&request.note),
        ..Carried::new("PRESCRIPTION", content)
    })
}

/// How to take the medication, in words. The steps are in their order.
fn steps_in_words(steps: &[&Dosage]) -> Option<String> {
    // Steps without an order of their own are taken side by side.
    let follows = |pair: &[&Dosage]| pair[0].sequence < pair[1].sequence;
    let joint = match steps.windows(2).all(follows) {
        true => " Then: ",
        false => "; ",
    };
    let said: Vec<_> = steps.iter().filter_map(|step| in_words(step)).collect();
    words(&said.join(joint), 2000)
}

/// What an import makes of these dosages, in words.
pub(crate) fn dosage_in_words(steps: &[Value]) -> Option<String> {
    let steps: Result<Vec<Dosage>, _> = steps.iter().map(Dosage::deserialize).collect();
    let steps = steps.ok()?;
    steps_in_words(&steps.iter().collect::<Vec<_>>())
}

/// The medication: a code, or that of a Medication, or the words of the reference.
fn medication(request: &MedicationRequest, mapper: &mut Mapper<'_>) -> Result<Value, String> {
    if let Some(concept) = &request.medication_codeable_concept {
        return mapper.needed_coding(concept, "medicationCodeableConcept");
    }
    let reference = request.medication_reference.as_ref();
    let reference = reference.ok_or("lacks medication[x]")?;
    let named = text(reference.display.as_deref(), 500);
    let coded = match mapper.lookup.entry(reference, mapper.entry, "Medication") {
        None => None,
        Some(_) => match mapper.resource(reference, "Medication") {
            Some(Resource::Medication(medication)) => mapper.coding_if(medication.code.as_ref()),
            _ => None,
        },
    };
    coded
        .or_else(|| named.map(|words| json!({"display": words})))
        .ok_or_else(|| "names no medication that is in the import".to_owned())
}

/// One step of the dosage, in the API's fields.
fn instruction(dosage: &Dosage, mapper: &mut Mapper<'_>) -> Option<Value> {
    if dosage.dose_and_rate.len() > 1 {
        mapper.note("only the first of several doses of a dosage is carried over");
    }
    let amounts = dosage.dose_and_rate.first();
    let as_needed_for = mapper.coding_if(dosage.as_needed_codeable_concept.as_ref());
    let as_needed = match dosage.as_needed_codeable_concept {
        Some(_) => Some(true),
        None => dosage.as_needed_boolean,
    };
    let timing = dosage.timing.as_ref().and_then(|it| timing(it, mapper));
    object_of_some([
        ("text", words_of(dosage).map(Value::from)),
        ("timing", timing),
        ("as_needed", as_needed.map(Value::from)),
        ("as_needed_for", as_needed_for),
        ("route", mapper.coding_if(dosage.route.as_ref())),
        ("site", mapper.coding_if(dosage.site.as_ref())),
        ("dose", amounts.and_then(dose)),
        ("rate", amounts.and_then(rate)),
        (
            "max_dose_per_period",
            dosage.max_dose_per_period.as_ref().and_then(ratio),
        ),
        (
            "max_dose_per_administration",
            dosage
                .max_dose_per_administration
                .as_ref()
                .and_then(simple_quantity),
        ),
    ])
}

fn dose(amounts: &DoseAndRate) -> Option<Value> {
    if let Some(amount) = &amounts.dose_quantity {
        return Some(json!({"quantity": simple_quantity(amount)?}));
    }
    Some(json!({"range": range(amounts.dose_range.as_ref()?)?}))
}

fn rate(amounts: &DoseAndRate) -> Option<Value> {
    if let Some(amount) = &amounts.rate_quantity {
        return Some(json!({"quantity": simple_quantity(amount)?}));
    }
    if let Some(between) = &amounts.rate_range {
        return Some(json!({"range": range(between)?}));
    }
    Some(json!({"ratio": ratio(amounts.rate_ratio.as_ref()?)?}))
}

fn timing(timing: &Timing, mapper: &mut Mapper<'_>) -> Option<Value> {
    let code = mapper.coding_if(timing.code.as_ref());
    let none = Repeat::default();
    let repeat = timing.repeat.as_ref().unwrap_or(&none);
    let duration = repeat.bounds_duration.as_ref().and_then(simple_quantity);
    let duration = duration.map(|duration| json!({"duration": duration}));
    let between = repeat.bounds_range.as_ref().and_then(range);
    let between = between.map(|between| json!({"range": between}));
    let during = repeat.bounds_period.as_ref().and_then(period);
    let during = during.map(|during| json!({"period": during}));
    // A period needs its unit, and a maximum needs what it is the maximum of.
    let has_period = repeat.period.is_some() && repeat.period_unit.is_some();
    let clocks: Vec<_> = repeat
        .time_of_day
        .iter()
        .filter_map(|it| clock_time(it))
        .collect();
    if clocks.len() < repeat.time_of_day.len() {
        mapper.note("a time of day that isn't in whole seconds is not carried over");
    }
    let clocks = clocks.into_iter().map(Value::from);
    let number = |number: Option<u32>| number.map(Value::from);
    let texts = |texts: &[String]| list(texts.iter().map(|text| json!(text)));
    object_of_some([
        ("code", code),
        ("bounds", duration.or(between).or(during)),
        ("count", number(repeat.count)),
        (
            "count_max",
            number(repeat.count_max.filter(|_| repeat.count.is_some())),
        ),
        ("frequency", number(repeat.frequency)),
        (
            "frequency_max",
            number(repeat.frequency_max.filter(|_| repeat.frequency.is_some())),
        ),
        (
            "period",
            repeat
                .period
                .as_ref()
                .filter(|_| has_period)
                .map(|it| json!(it)),
        ),
        (
            "period_max",
            repeat
                .period_max
                .as_ref()
                .filter(|_| has_period)
                .map(|it| json!(it)),
        ),
        (
            "period_unit",
            repeat
                .period_unit
                .as_ref()
                .filter(|_| has_period)
                .map(|it| json!(it)),
        ),
        ("day_of_week", texts(&repeat.day_of_week)),
        ("time_of_day", list(clocks)),
        ("when", texts(&repeat.when)),
        ("offset", number(repeat.offset)),
    ])
}

/// What the dosage says in words: its text, and the instructions beside it.
fn words_of(dosage: &Dosage) -> Option<String> {
    let further = dosage.additional_instruction.iter();
    let further = further.filter_map(|concept| label(concept, 500));
    let patient = dosage.patient_instruction.clone();
    sentences(
        dosage
            .text
            .clone()
            .into_iter()
            .chain(further)
            .chain(patient),
    )
}

/// How to take the medication, in words: the given text, or one made of the structured parts.
fn in_words(dosage: &Dosage) -> Option<String> {
    if dosage.text.is_some() {
        return words_of(dosage);
    }
    let amounts = dosage.dose_and_rate.first();
    let dose = amounts.and_then(|amounts| {
        let dose = amounts.dose_quantity.as_ref();
        let dose = dose.and_then(|dose| match (&dose.unit, &dose.code) {
            (None, None) => Some(format!("{} dose(s)", dose.value.as_ref()?)),
            _ => amount_in_words(dose),
        });
        dose.or_else(|| range_in_words(amounts.dose_range.as_ref()?))
    });
    let timing = dosage.timing.as_ref();
    let repeat = timing.and_then(|timing| {
        let repeat = timing.repeat.as_ref()?;
        let (frequency, period) = (repeat.frequency?, repeat.period.as_ref()?);
        let most = |most: String| format!(" to {most}");
        let frequency_max = repeat.frequency_max.map(|it| most(it.to_string()));
        let period_max = repeat.period_max.as_ref().map(|it| most(it.to_string()));
        Some(format!(
            "{frequency}{} time(s) every {period}{} {}",
            frequency_max.unwrap_or_default(),
            period_max.unwrap_or_default(),
            repeat.period_unit.as_deref()?
        ))
    });
    let code = timing.and_then(|timing| label(timing.code.as_ref()?, 500));
    let reason = dosage.as_needed_codeable_concept.as_ref();
    let reason = reason.and_then(|reason| label(reason, 500));
    let is_needed = dosage.as_needed_codeable_concept.is_some();
    let as_needed = match (reason, is_needed || dosage.as_needed_boolean == Some(true)) {
        (Some(reason), _) => Some(format!("as needed for {reason}")),
        (None, true) => Some("as needed".to_owned()),
        (None, false) => None,
    };
    let schedule = [dose, repeat.or(code), as_needed].into_iter().flatten();
    let schedule = schedule.collect::<Vec<_>>().join(", ");
    let most = dosage.max_dose_per_period.as_ref().and_then(|most| {
        let (amount, time) = (most.numerator.as_ref()?, most.denominator.as_ref()?);
        Some(format!(
            "At most {} per {}",
            amount_in_words(amount)?,
            amount_in_words(time)?
        ))
    });
    sentences(
        [Some(schedule), most, words_of(dosage)]
            .into_iter()
            .flatten(),
    )
}

/// These parts as sentences of one text.
fn sentences(parts: impl Iterator<Item = String>) -> Option<String> {
    let parts: Vec<_> = parts.filter_map(|part| words(&part, 2000)).collect();
    if let [only] = parts.as_slice() {
        return Some(only.clone());
    }
    let sentences: Vec<_> = parts
        .iter()
        .map(|part| format!("{}.", part.trim_end_matches('.')))
        .collect();
    words(&sentences.join(" "), 2000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(dosage: Value) -> Option<String> {
        in_words(&serde_json::from_value(dosage).unwrap())
    }

    #[test]
    fn a_structured_dosage_is_put_into_words() {
        let structured = json!({
            "timing": {"repeat": {"frequency": 3, "period": 1, "periodUnit": "d"}},
            "doseAndRate": [{"doseQuantity": {"value": 1}}],
            "additionalInstruction": [{"text": "Take at regular intervals."}],
        });
        assert_eq!(
            said(structured).unwrap(),
            "1 dose(s), 3 time(s) every 1 d. Take at regular intervals."
        );
        let ranges = json!({
            "timing": {"repeat": {"frequency": 1, "frequencyMax": 2, "period": 4, "periodMax": 6, "periodUnit": "h"}},
            "asNeededCodeableConcept": {"text": "pain"},
            "doseAndRate": [{"doseRange": {"low": {"value": 1, "unit": "tablet"}, "high": {"value": 2, "unit": "tablet"}}}],
            "maxDosePerPeriod": {"numerator": {"value": 8, "unit": "tablet"}, "denominator": {"value": 24, "unit": "h"}},
        });
        assert_eq!(
            said(ranges).unwrap(),
            "1 tablet to 2 tablet, 1 to 2 time(s) every 4 to 6 h, as needed for pain. At most 8 tablet per 24 h."
        );
        let told = json!({"text": "One a day", "patientInstruction": "with food"});
        assert_eq!(said(told).unwrap(), "One a day. with food.");
        assert_eq!(said(json!({"sequence": 1})), None);
    }
}

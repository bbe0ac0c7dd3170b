//! Prescriptions become MedicationRequests.
//!
//! <https://hl7.org/fhir/R4/medicationrequest.html>, <https://hl7.org/fhir/R4/dosage.html>,
//! <https://hl7.org/fhir/us/core/STU7/StructureDefinition-us-core-medicationrequest.html>

use domain::content::Prescription;
use domain::dosage::{Bounds, Dispense, Dosage, Dose, Rate, Timing};
use serde_json::{Value, json};

use super::Chart;
use super::builder::Builder;
use super::codes::{
    EVENT_TIMING, MEDICATION_REQUEST_CATEGORY, MEDICATION_REQUEST_INTENT, MEDICATION_REQUEST_STATUS,
};
use super::elements::{coded, concept, extension, given, period, range, ratio, simple_quantity};
use super::records::Row;
use crate::mapping::records::dosage_in_words;
use crate::mapping::words::{list, object, object_of_some};

impl Chart {
    /// The order for a medicine.
    pub(super) fn prescription(&self, row: &Row<'_>, content: &Prescription) -> Value {
        let Prescription {
            medication,
            status,
            intent,
            category,
            reported,
            authored_on,
            dosage,
            as_needed,
            dosage_instruction,
            dispense,
        } = content;
        let mut it = Builder::new("MedicationRequest", row.id);
        let words = dosage.as_ref().map(|words| words.as_str());
        let (steps, says_words) = match dosage_instruction {
            Some(steps) => dosages(steps, words),
            None => {
                let step = object_of_some([
                    ("text", given(dosage.as_ref())),
                    ("asNeededBoolean", given(as_needed.as_ref())),
                ]);
                (step.into_iter().collect(), true)
            }
        };
        let requester = self.reference(row.provider);
        let intent = intent.as_ref().map(|it| it.as_str());
        let is_order = intent.is_none_or(|intent| intent == "order");
        it.profile("medicationrequest", requester.is_some() || !is_order)
            .code(
                "status",
                status.as_ref().map(|it| it.as_str()),
                MEDICATION_REQUEST_STATUS,
                Some("unknown"),
            )
            .code("intent", intent, MEDICATION_REQUEST_INTENT, Some("order"))
            .set(
                "category",
                category
                    .as_ref()
                    .map(|it| json!([coded(it.as_str(), &[MEDICATION_REQUEST_CATEGORY])])),
            )
            .set("reportedBoolean", given(reported.as_ref()))
            .set("medicationCodeableConcept", Some(concept(medication)))
            .set("subject", self.subject())
            .refer("encounter", row.visit, self)
            .set("authoredOn", given(authored_on.as_ref()))
            .set("requester", requester)
            .set(
                "reasonCode",
                row.diagnosis.map(|words| json!([{"text": words}])),
            )
            .set("note", row.note())
            .set("dosageInstruction", list(steps))
            .set("dispenseRequest", dispense.as_ref().and_then(supply))
            .extend(
                "dosage",
                "String",
                given(dosage.as_ref()).filter(|_| !says_words),
            )
            .extend("treatment", "String", given(row.treatment.as_ref()));
        row.finish(it)
    }
}

/// The steps, and whether an import reads from them the same words and the same steps. There are several forms of the same
/// instruction, of which the one is taken that does so.
fn dosages(steps: &[Dosage], words: Option<&str>) -> (Vec<Value>, bool) {
    let form = |in_order: bool, is_told: bool| -> Vec<Value> {
        let steps = steps.iter().enumerate();
        let steps = steps.map(|(index, step)| {
            let mut step = instruction(step, is_told);
            if in_order {
                step["sequence"] = json!(index + 1);
            }
            step
        });
        steps.collect()
    };
    let forms = [(true, true), (false, true), (true, false), (false, false)];
    let exact = forms
        .into_iter()
        .map(|(in_order, is_told)| form(in_order, is_told))
        .find(|form| dosage_in_words(form).as_deref() == words);
    match exact {
        Some(form) => (form, true),
        None => (form(true, true), words.is_none()),
    }
}

/// One step. Its text is the instruction itself, or an addition to what the other elements say.
fn instruction(dosage: &Dosage, is_told: bool) -> Value {
    let Dosage {
        text,
        timing,
        as_needed,
        as_needed_for,
        site,
        route,
        dose,
        rate,
        max_dose_per_period,
        max_dose_per_administration,
    } = dosage;
    let amounts = object_of_some([
        ("doseQuantity", dose.as_ref().and_then(dose_quantity)),
        ("doseRange", dose.as_ref().and_then(dose_range)),
        (
            "rateQuantity",
            match rate {
                Some(Rate::Quantity(amount)) => Some(simple_quantity(amount)),
                _ => None,
            },
        ),
        (
            "rateRange",
            match rate {
                Some(Rate::Range(amounts)) => Some(range(amounts)),
                _ => None,
            },
        ),
        (
            "rateRatio",
            match rate {
                Some(Rate::Ratio(amounts)) => Some(ratio(amounts)),
                _ => None,
            },
        ),
    ]);
    object([
        ("text", given(text.as_ref()).filter(|_| is_told)),
        (
            "additionalInstruction",
            text.as_ref()
                .filter(|_| !is_told)
                .map(|text| json!([{"text": text}])),
        ),
        ("timing", timing.as_ref().map(schedule)),
        (
            "asNeededBoolean",
            given(as_needed.as_ref()).filter(|_| as_needed_for.is_none()),
        ),
        (
            "asNeededCodeableConcept",
            as_needed_for.as_ref().map(concept),
        ),
        ("site", site.as_ref().map(concept)),
        ("route", route.as_ref().map(concept)),
        ("doseAndRate", amounts.map(|amounts| json!([amounts]))),
        ("maxDosePerPeriod", max_dose_per_period.as_ref().map(ratio)),
        (
            "maxDosePerAdministration",
            max_dose_per_administration.as_ref().map(simple_quantity),
        ),
    ])
}

fn dose_quantity(dose: &Dose) -> Option<Value> {
    match dose {
        Dose::Quantity(amount) => Some(simple_quantity(amount)),
        Dose::Range(_) => None,
    }
}

fn dose_range(dose: &Dose) -> Option<Value> {
    match dose {
        Dose::Quantity(_) => None,
        Dose::Range(amounts) => Some(range(amounts)),
    }
}

fn schedule(timing: &Timing) -> Value {
    let Timing {
        text,
        code,
        bounds,
        count,
        count_max,
        duration,
        duration_max,
        duration_unit,
        frequency,
        frequency_max,
        period: each,
        period_max,
        period_unit,
        day_of_week,
        time_of_day,
        when,
        offset,
    } = timing;
    let code = match (code, text) {
        (Some(code), Some(text)) => Some(super::elements::concept_as(code, Some(text.as_str()))),
        (Some(code), None) => Some(concept(code)),
        (None, Some(text)) => Some(json!({"text": text})),
        (None, None) => None,
    };
    // Constraint drt-1: a Duration has the code of a unit of time.
    let length = match bounds {
        Some(Bounds::Duration(length)) => Some(length),
        _ => None,
    };
    let coded_length = length.filter(|length| length.code.is_some());
    let other_length = length.filter(|length| length.code.is_none());
    let events = when.iter().flatten();
    let (events, others): (Vec<_>, Vec<_>) =
        events.partition(|event| EVENT_TIMING.contains(&event.as_str()));
    // Constraint tim-9: an offset belongs to an event that isn't itself a meal.
    let has_offset = !events.is_empty()
        && events
            .iter()
            .all(|event| !["C", "CM", "CD", "CV"].contains(&event.as_str()));
    // Constraint tim-10: either times of day or events.
    let clocks = time_of_day.iter().flatten();
    let clocks: Vec<_> = clocks.map(|time| json!(time)).collect();
    let (clocks, other_clocks) = match events.is_empty() {
        true => (clocks, Vec::new()),
        false => (Vec::new(), clocks),
    };
    let events = events.into_iter().map(|event| json!(event));
    let beside = [
        other_length.map(|length| extension("length", "Quantity", simple_quantity(length))),
        offset
            .filter(|_| !has_offset)
            .map(|offset| extension("offset", "Integer", json!(offset))),
    ];
    let beside = beside
        .into_iter()
        .flatten()
        .chain(
            others
                .into_iter()
                .map(|event| extension("event", "String", json!(event))),
        )
        .chain(
            other_clocks
                .into_iter()
                .map(|time| extension("time-of-day", "Time", time)),
        );
    let repeat = object_of_some([
        ("extension", list(beside)),
        ("boundsDuration", coded_length.map(simple_quantity)),
        (
            "boundsRange",
            match bounds {
                Some(Bounds::Range(limits)) => Some(range(limits)),
                _ => None,
            },
        ),
        (
            "boundsPeriod",
            match bounds {
                Some(Bounds::Period(limits)) => Some(period(limits)),
                _ => None,
            },
        ),
        ("count", given(count.as_ref())),
        ("countMax", given(count_max.as_ref())),
        ("duration", given(duration.as_ref())),
        ("durationMax", given(duration_max.as_ref())),
        ("durationUnit", given(duration_unit.as_ref())),
        ("frequency", given(frequency.as_ref())),
        ("frequencyMax", given(frequency_max.as_ref())),
        ("period", given(each.as_ref())),
        ("periodMax", given(period_max.as_ref())),
        ("periodUnit", given(period_unit.as_ref())),
        (
            "dayOfWeek",
            list(day_of_week.iter().flatten().map(|day| json!(day))),
        ),
        ("timeOfDay", list(clocks)),
        ("when", list(events)),
        ("offset", given(offset.as_ref()).filter(|_| has_offset)),
    ]);
    object([("repeat", repeat), ("code", code)])
}

fn supply(dispense: &Dispense) -> Option<Value> {
    let Dispense { quantity, repeats } = dispense;
    object_of_some([
        ("quantity", quantity.as_ref().map(simple_quantity)),
        ("numberOfRepeatsAllowed", given(repeats.as_ref())),
    ])
}

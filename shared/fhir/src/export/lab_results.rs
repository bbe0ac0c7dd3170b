//! Results become Observations, or DiagnosticReports if they report other results.
//!
//! <https://hl7.org/fhir/R4/observation.html>, <https://hl7.org/fhir/R4/diagnosticreport.html>,
//! <https://hl7.org/fhir/us/core/STU7/StructureDefinition-us-core-observation-lab.html>,
//! <https://hl7.org/fhir/us/core/STU7/StructureDefinition-us-core-vital-signs.html>,
//! <https://hl7.org/fhir/us/core/STU7/StructureDefinition-us-core-diagnosticreport-lab.html>

use domain::content::{LabResult, ObservationComponent};
use domain::measure::ObservationValue;
use serde_json::{Value, json};

use super::Chart;
use super::builder::Builder;
use super::codes::{OBSERVATION_CATEGORY, OBSERVATION_STATUS, REPORT_CATEGORY, REPORT_STATUS};
use super::elements::{
    coded, concept, concepts, given, is_day, is_moment, period, quantity, range, ratio,
    reference_ranges,
};
use super::records::Row;
use crate::mapping::records::CONCLUSION;
use crate::mapping::words::{list, object, object_of_some};

/// The statuses with which a report must have its times (constraints us-core-8 and us-core-9).
const DONE: [&str; 6] = [
    "partial",
    "preliminary",
    "final",
    "amended",
    "corrected",
    "appended",
];

impl Chart {
    /// The measurement or report.
    pub(super) fn lab_result(&self, row: &Row<'_>, content: &LabResult) -> Value {
        let LabResult {
            code,
            category,
            status,
            effective,
            effective_start,
            effective_end,
            issued,
            value,
            data_absent_reason,
            interpretation,
            reference_range,
            specimen,
            components,
            results,
        } = content;
        let measures = value.is_some()
            || data_absent_reason.is_some()
            || interpretation.is_some()
            || reference_range.is_some()
            || specimen.is_some()
            || components.is_some();
        let category = category.as_ref().map(|it| it.as_str());
        let is_of_report = category.is_some_and(|it| REPORT_CATEGORY.codes.contains(&it));
        let is_report = !measures && (results.is_some() || is_of_report);

        let mut it = Builder::new(
            match is_report {
                true => "DiagnosticReport",
                false => "Observation",
            },
            row.id,
        );
        let said = status.as_ref().map(|it| it.as_str());
        let during = object_of_some([
            ("start", given(effective_start.as_ref())),
            ("end", given(effective_end.as_ref())),
        ]);
        let is_timed = effective.is_some() || during.is_some();
        let at = effective.as_ref().map(ToString::to_string);
        let issued = issued.as_ref().map(ToString::to_string);
        let issued_at = issued.clone().filter(|it| is_moment(it));
        let has_issued = issued_at.is_some();
        let members = results.iter().flatten();
        let members = list(members.map(|words| json!({"display": words})));
        it.set("code", Some(concept(code)))
            .set("subject", self.subject())
            .refer("encounter", row.visit, self)
            .set(
                "performer",
                self.reference(row.provider).map(|person| json!([person])),
            )
            .set("effectiveDateTime", given(effective.as_ref()))
            .set("effectivePeriod", during)
            // An instant has a time of day.
            .set("issued", issued_at.map(|it| json!(it)))
            .extend(
                "issued",
                "DateTime",
                issued.filter(|it| !is_moment(it)).map(|it| json!(it)),
            )
            .extend("diagnosis", "String", given(row.diagnosis.as_ref()))
            .extend("treatment", "String", given(row.treatment.as_ref()));
        if is_report {
            let conclusion = row.notes.and_then(|notes| notes.strip_prefix(CONCLUSION));
            let is_done = said.is_some_and(|said| DONE.contains(&said));
            it.profile(
                "diagnosticreport-lab",
                category == Some("LAB") && (!is_done || is_timed && has_issued),
            )
            .code("status", said, REPORT_STATUS, Some("unknown"))
            .set(
                "category",
                category.map(|it| json!([coded(it, &[REPORT_CATEGORY, OBSERVATION_CATEGORY])])),
            )
            .set("result", members)
            .set("conclusion", given(conclusion.as_ref()))
            .extend(
                "notes",
                "String",
                given(row.notes.as_ref()).filter(|_| conclusion.is_none()),
            );
            return row.finish(it);
        }

        let has_members = members.is_some();
        let says_something = value.is_some()
            || data_absent_reason.is_some()
            || components.as_ref().is_some_and(|it| !it.is_empty())
            || has_members;
        let is_vital = category == Some("vital-signs")
            && is_timed
            && at.as_deref().is_none_or(is_day)
            && says_something
            && components
                .iter()
                .flatten()
                .all(|part| part.value.is_some() || part.data_absent_reason.is_some());
        let is_lab =
            category == Some("laboratory") && says_something && at.as_deref().is_none_or(is_day);
        let specimen = specimen.as_ref().map(|kind| {
            let specimen = json!({
                "resourceType": "Specimen", "type": concept(kind), "subject": self.subject(),
            });
            it.contain("specimen", specimen)
        });
        it.profile("vital-signs", is_vital)
            .profile("observation-lab", is_lab)
            .code("status", said, OBSERVATION_STATUS, Some("unknown"))
            .set(
                "category",
                category.map(|it| json!([coded(it, &[OBSERVATION_CATEGORY, REPORT_CATEGORY])])),
            )
            .set("dataAbsentReason", data_absent_reason.as_ref().map(concept))
            .set("interpretation", concepts(interpretation.as_ref()))
            .set("note", row.note())
            .set("specimen", specimen)
            .set("referenceRange", reference_ranges(reference_range.as_ref()))
            .set("hasMember", members)
            .set(
                "component",
                list(components.iter().flatten().map(component)),
            );
        if let Some((name, value)) = value.as_ref().map(result) {
            it.set(name, Some(value));
        }
        row.finish(it)
    }
}

fn component(component: &ObservationComponent) -> Value {
    let ObservationComponent {
        code,
        value,
        data_absent_reason,
        interpretation,
        reference_range,
    } = component;
    let mut it = object([
        ("code", Some(concept(code))),
        ("dataAbsentReason", data_absent_reason.as_ref().map(concept)),
        ("interpretation", concepts(interpretation.as_ref())),
        ("referenceRange", reference_ranges(reference_range.as_ref())),
    ]);
    if let Some((name, value)) = value.as_ref().map(result) {
        it[name] = value;
    }
    it
}

/// The name of the element with this kind of result, and its value.
fn result(value: &ObservationValue) -> (&'static str, Value) {
    match value {
        ObservationValue::Quantity(amount) => ("valueQuantity", quantity(amount)),
        ObservationValue::Coded(coding) => ("valueCodeableConcept", concept(coding)),
        ObservationValue::Text(text) => ("valueString", json!(text)),
        ObservationValue::Range(amounts) => ("valueRange", range(amounts)),
        ObservationValue::Ratio(amounts) => ("valueRatio", ratio(amounts)),
        ObservationValue::Boolean(is) => ("valueBoolean", json!(is)),
        ObservationValue::Integer(number) => ("valueInteger", json!(number)),
        ObservationValue::Time(time) => ("valueTime", json!(time)),
        ObservationValue::DateTime(time) => ("valueDateTime", json!(time)),
        ObservationValue::Period(times) => ("valuePeriod", period(times)),
    }
}

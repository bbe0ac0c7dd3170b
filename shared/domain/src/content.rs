//! The content of a medical record, one structure for each record type. Codes are FHIR Codings
//! (ICD-10-CM, SNOMED CT, LOINC, RxNorm, CVX, …).

use std::borrow::Cow;

use errors::Error;
use parsing::typed;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use sql::text_enum;

use crate::coding::Coding;
use crate::date_time::{DateTime, PastDateTime};
use crate::dosage::{Dispense, Dosage};
use crate::measure::{ObservationValue, ReferenceRange, SimpleQuantity};
use crate::number::Whole;
use crate::shapes::{Broken, shapes};
use crate::text::{Line, Text};

text_enum! {
    /// The type of a medical record. It determines the structure of `content`.
    pub enum RecordType: "SCREAMING_SNAKE_CASE" {
        /// A condition of the patient.
        Diagnosis,
        /// A procedure that was performed.
        Treatment,
        /// A summary as free text.
        Summary,
        /// A measurement or a report of several measurements.
        LabResult,
        /// An order for a medicine.
        Prescription,
        /// A study with medical images.
        Imaging,
        /// A clinical note as free text.
        Note,
        /// A vaccination of the patient.
        Immunization,
        /// A plan for the patient's treatment.
        CarePlan,
    }
}

/// The clinical content of a medical record. Its structure depends on the record's type.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize)]
#[serde(untagged)]
pub enum RecordContent {
    /// The content of a record of type `DIAGNOSIS`.
    Diagnosis(Diagnosis),
    /// The content of a record of type `TREATMENT`.
    Treatment(Treatment),
    /// The content of a record of type `SUMMARY` or `NOTE`.
    Narrative(Narrative),
    /// The content of a record of type `LAB_RESULT`.
    LabResult(LabResult),
    /// The content of a record of type `PRESCRIPTION`.
    Prescription(Prescription),
    /// The content of a record of type `IMAGING`.
    Imaging(Imaging),
    /// The content of a record of type `IMMUNIZATION`.
    Immunization(Immunization),
    /// The content of a record of type `CARE_PLAN`.
    CarePlan(CarePlan),
}

impl RecordContent {
    /// Parses the `content` of a record of this type. Errors: it doesn't have the type's structure.
    pub fn parse(record_type: RecordType, content: &serde_json::Value) -> Result<Self, Error> {
        Ok(match record_type {
            RecordType::Diagnosis => Self::Diagnosis(typed(content, "content")?),
            RecordType::Treatment => Self::Treatment(typed(content, "content")?),
            RecordType::Summary | RecordType::Note => Self::Narrative(typed(content, "content")?),
            RecordType::LabResult => Self::LabResult(typed(content, "content")?),
            RecordType::Prescription => Self::Prescription(typed(content, "content")?),
            RecordType::Imaging => Self::Imaging(typed(content, "content")?),
            RecordType::Immunization => Self::Immunization(typed(content, "content")?),
            RecordType::CarePlan => Self::CarePlan(typed(content, "content")?),
        })
    }

    /// The name of the schema that the content of a record of this type has.
    pub fn schema_name_of(record_type: RecordType) -> Cow<'static, str> {
        match record_type {
            RecordType::Diagnosis => Diagnosis::schema_name(),
            RecordType::Treatment => Treatment::schema_name(),
            RecordType::Summary | RecordType::Note => Narrative::schema_name(),
            RecordType::LabResult => LabResult::schema_name(),
            RecordType::Prescription => Prescription::schema_name(),
            RecordType::Imaging => Imaging::schema_name(),
            RecordType::Immunization => Immunization::schema_name(),
            RecordType::CarePlan => CarePlan::schema_name(),
        }
    }
}

shapes! {
    /// A condition of the patient, as FHIR R4 `Condition`.
    pub struct Diagnosis {
        /// The condition, coded for example in ICD-10-CM or SNOMED CT.
        code: Coding,
        ?
        /// The FHIR category of the condition, for example `problem-list-item` or `encounter-diagnosis`.
        category: Line<100>,
        /// The FHIR clinical status, for example `active` or `resolved`.
        clinical_status: Line<50>,
        /// The FHIR verification status, for example `provisional` or `confirmed`.
        verification_status: Line<50>,
        /// The time at which the condition began, as exactly as it is known.
        onset: PastDateTime,
        /// The beginning of the condition in words, if no time is known, for example `in childhood`.
        onset_text: Line<500>,
        /// The time at which the condition ended, as exactly as it is known. Absent while it continues.
        abatement: PastDateTime,
        /// The end of the condition in words, if no time is known, for example `at the age of 12`.
        abatement_text: Line<500>,
        /// The time at which the condition was first recorded, as exactly as it is known.
        recorded_at: PastDateTime,
    }

    /// A procedure that was performed on the patient or was not done, as FHIR R4 `Procedure`.
    pub struct Treatment {
        /// The procedure, coded for example in SNOMED CT.
        code: Coding,
        ?
        /// The FHIR status of the procedure, for example `completed` or `not-done`.
        status: Line<50>,
        /// The reason for the status, for example why the procedure was not done.
        status_reason: Coding,
        /// The time at which the procedure began, as exactly as it is known.
        performed_start: PastDateTime,
        /// The time at which the procedure ended, as exactly as it is known.
        performed_end: PastDateTime,
        /// The time of the procedure in words, if no time is known, for example `in childhood`.
        performed_text: Line<500>,
        /// The condition or finding that is the reason for the procedure.
        reason: Coding,
    }

    /// A note or summary as free text.
    pub struct Narrative {
        /// The free text of the note or summary.
        text: Text<50000>,
    }

    /// A measurement, or a report of several measurements, as FHIR R4 `Observation` or
    /// `DiagnosticReport`.
    #[schemars(extend("not" = {"anyOf": [
        {"required": ["effective", "effective_start"]}, {"required": ["effective", "effective_end"]},
        {"required": ["value", "data_absent_reason"]},
    ]}))]
    pub struct LabResult where LabResult::rule {
        /// The measurement or report, coded for example in LOINC.
        code: Coding,
        ?
        /// The FHIR category of the observation, for example `laboratory` or `vital-signs`.
        category: Line<100>,
        /// The FHIR status of the result, for example `preliminary` or `final`.
        status: Line<50>,
        /// The time to which the result applies, for example when the sample was taken, as exactly as it is
        /// known.
        effective: PastDateTime,
        /// The beginning of the time to which the result applies, if that isn't one point in time. A result has
        /// either `effective` or `effective_start` and `effective_end`.
        effective_start: PastDateTime,
        /// The end of the time to which the result applies, if that isn't one point in time.
        effective_end: PastDateTime,
        /// The time at which this version of the result was made available, as exactly as it is known.
        issued: PastDateTime,
        /// The result of the measurement. Absent if the result consists of components or of other
        /// results.
        value: ObservationValue,
        /// The reason why `value` is absent, for example because the sample was damaged. Absent if there is a
        /// value.
        data_absent_reason: Coding,
        /// The assessments of the result, for example high, low or abnormal.
        interpretation: Vec<Coding>,
        /// The values with which the result is compared, for example the normal range.
        reference_range: Vec<ReferenceRange>,
        /// The kind of sample that was examined, for example venous blood.
        specimen: Coding,
        /// The results of the parts of one measurement, for example the systolic and diastolic
        /// blood pressure.
        components: Vec<ObservationComponent>,
        /// The results that a report consists of, each as text.
        results: Vec<Text<500>>,
    }

    /// One part of a measurement with several parts, for example the systolic blood pressure.
    #[schemars(extend("not" = {"anyOf": [{"required": ["value", "data_absent_reason"]}]}))]
    pub struct ObservationComponent where ObservationComponent::rule {
        /// The measured part, coded for example in LOINC.
        code: Coding,
        ?
        /// The result for this part. Absent if there is none.
        value: ObservationValue,
        /// The reason why `value` is absent. Absent if there is a value.
        data_absent_reason: Coding,
        /// The assessments of the result for this part, for example high, low or abnormal.
        interpretation: Vec<Coding>,
        /// The values with which the result for this part is compared, for example the normal range.
        reference_range: Vec<ReferenceRange>,
    }

    /// An order for a medicine, as FHIR R4 `MedicationRequest`.
    #[schemars(extend("not" = {"anyOf": [{"required": ["as_needed", "dosage_instruction"]}]}))]
    pub struct Prescription where Prescription::rule {
        /// The medicine that is ordered, coded for example in RxNorm.
        medication: Coding,
        ?
        /// The FHIR status of the order, for example `active` or `stopped`.
        status: Line<50>,
        /// The FHIR intent of the order, for example `order` or `plan`.
        intent: Line<50>,
        /// The FHIR category of the order, for example `inpatient` or `outpatient`.
        category: Line<100>,
        /// Whether the order is known from a report, for example of the patient, and was not written here.
        reported: bool,
        /// The time at which the order was written, as exactly as it is known.
        authored_on: PastDateTime,
        /// The dosage instructions as text, for example `1 tablet twice a day with meals`.
        dosage: Text<2000>,
        /// Whether the patient takes the medicine only when they need it. Absent if `dosage_instruction` is given,
        /// because each instruction says it.
        as_needed: bool,
        /// The dosage instructions as data, in the order in which the patient follows them.
        dosage_instruction: Vec<Dosage>,
        /// The supply that is ordered from the pharmacy.
        dispense: Dispense,
    }

    /// An imaging study, as FHIR R4 `ImagingStudy`.
    pub struct Imaging {
        ?
        /// The imaging technique, as a DICOM modality code such as `CT` or `MR`.
        modality: Coding,
        /// The part of the body that was imaged, coded for example in SNOMED CT.
        body_site: Coding,
        /// The time at which the study began, as exactly as it is known.
        started: PastDateTime,
        /// The description of the study as text.
        description: Text<2000>,
        /// The number of images in the study.
        instances: Whole<0, 1_000_000>,
    }

    /// A vaccination that the patient got or didn't get, as FHIR R4 `Immunization`.
    pub struct Immunization {
        /// The vaccine that was given, coded for example in CVX.
        vaccine: Coding,
        ?
        /// The FHIR status of the vaccination, for example `completed` or `not-done`.
        status: Line<50>,
        /// The reason for the status, for example why the vaccine was not given.
        status_reason: Coding,
        /// The time at which the vaccine was given, as exactly as it is known.
        occurrence: PastDateTime,
        /// The time of the vaccination in words, if no time is known, for example `in childhood`.
        occurrence_text: Line<500>,
        /// Whether the entry comes from the person who gave the vaccine, and not for example from the patient.
        primary_source: bool,
        /// The amount of vaccine that was given.
        dose: SimpleQuantity,
        /// The lot number of the vaccine, as its manufacturer assigned it.
        lot_number: Line<100>,
        /// The date on which the vaccine expires, for example `2027-03-31` or `2027-03`.
        expiration_date: DateTime,
        /// The name of the organization that made the vaccine.
        manufacturer: Line<200>,
        /// The part of the body where the vaccine was given, coded for example in SNOMED CT.
        site: Coding,
        /// The way in which the vaccine was given, for example into a muscle.
        route: Coding,
        /// The name of the place where the vaccine was given.
        location: Line<200>,
    }

    /// A plan for the patient's treatment, as FHIR R4 `CarePlan`.
    pub struct CarePlan {
        /// The kind of plan, coded for example in SNOMED CT.
        category: Coding,
        ?
        /// The FHIR status of the plan, for example `active` or `completed`.
        status: Line<50>,
        /// The FHIR intent of the plan, for example `plan` or `order`.
        intent: Line<50>,
        /// The plan in words, for example its assessment and its next steps.
        description: Text<10000>,
        /// The time from which the plan applies, as exactly as it is known.
        period_start: DateTime,
        /// The time at which the plan ends, as exactly as it is known. Absent if no end is set.
        period_end: DateTime,
        /// The activities that the plan consists of.
        activities: Vec<Activity>,
    }

    /// One activity of a care plan.
    pub struct Activity {
        /// The activity, coded for example in SNOMED CT.
        code: Coding,
        ?
        /// The FHIR status of the activity, for example `in-progress`.
        status: Line<50>,
    }
}

impl LabResult {
    fn rule(&self) -> Option<Broken> {
        let is_period = self.effective_start.is_some() || self.effective_end.is_some();
        if is_period && self.effective.is_some() {
            return Some(Broken {
                field: "effective",
                what: "no `effective` beside `effective_start` or `effective_end`",
                example: json!({"code": {"display": "Glucose"}}),
            });
        }
        no_value_with_reason(self.value.as_ref(), self.data_absent_reason.as_ref())
    }
}

impl ObservationComponent {
    fn rule(&self) -> Option<Broken> {
        no_value_with_reason(self.value.as_ref(), self.data_absent_reason.as_ref())
    }
}

impl Prescription {
    fn rule(&self) -> Option<Broken> {
        (self.as_needed.is_some() && self.dosage_instruction.is_some()).then(|| Broken {
            field: "as_needed",
            what: "no `as_needed` beside `dosage_instruction`, because each instruction has its own",
            example: json!({"medication": {"display": "Aspirin"}}),
        })
    }
}

/// A result has no reason for the absence of a value that it has (FHIR R4, obs-6).
fn no_value_with_reason(
    value: Option<&ObservationValue>,
    reason: Option<&Coding>,
) -> Option<Broken> {
    (value.is_some() && reason.is_some()).then(|| Broken {
        field: "data_absent_reason",
        what: "no `data_absent_reason` beside `value`",
        example: json!({"code": {"display": "Glucose"}}),
    })
}

#[cfg(test)]
mod tests;

//! The content of a medical record, one structure for each record type. Codes are FHIR Codings
//! (ICD-10-CM, SNOMED CT, LOINC, RxNorm, CVX, …).

use std::borrow::Cow;

use crate::date_time::{DateTime, PastDateTime};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::coding::Coding;
use super::number::Whole;
use super::text::{Identifier, Line, Text};
use errors::Error;
use parsing::typed;
use sql::text_enum;

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

macro_rules! shapes {
    ($($(#[$doc:meta])* pub struct $name:ident {
        $( $(#[$field_doc:meta])* $field:ident: $type:ty, )*
        $( ? $( $(#[$optional_doc:meta])* $optional:ident: $optional_type:ty, )* )?
    })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, JsonSchema, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $( $(#[$field_doc])* pub $field: $type, )*
            $( $(
                $(#[$optional_doc])*
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $optional: Option<$optional_type>,
            )* )?
        }
    )+};
}

// The fields before `?` are required, those after it are optional.
shapes! {
    /// A condition of the patient, as FHIR R4 `Condition`.
    pub struct Diagnosis {
        /// The condition, coded for example in ICD-10-CM or SNOMED CT.
        code: Coding,
        ?
        /// The FHIR clinical status, for example `active` or `resolved`.
        clinical_status: Line<50>,
        /// The FHIR verification status, for example `provisional` or `confirmed`.
        verification_status: Line<50>,
        /// The time at which the condition began, as exactly as it is known.
        onset: PastDateTime,
        /// The time at which the condition ended, as exactly as it is known. Absent while it continues.
        abatement: PastDateTime,
    }

    /// A procedure that was performed on the patient, as FHIR R4 `Procedure`.
    pub struct Treatment {
        /// The procedure, coded for example in SNOMED CT.
        code: Coding,
        ?
        /// The FHIR status of the procedure, for example `completed`.
        status: Line<50>,
        /// The time at which the procedure began, as exactly as it is known.
        performed_start: PastDateTime,
        /// The time at which the procedure ended, as exactly as it is known.
        performed_end: PastDateTime,
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
    pub struct LabResult {
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
        /// The result of the measurement. Absent if the result consists of components or of other
        /// results.
        value: ObservationValue,
        /// The results of the parts of one measurement, for example the systolic and diastolic
        /// blood pressure.
        components: Vec<ObservationComponent>,
        /// The results that a report consists of, each as text.
        results: Vec<Text<500>>,
    }

    /// One part of a measurement with several parts, for example the systolic blood pressure.
    pub struct ObservationComponent {
        /// The measured part, coded for example in LOINC.
        code: Coding,
        ?
        /// The result for this part. Absent if there is none.
        value: ObservationValue,
    }

    /// A measured amount, as FHIR R4 `Quantity`.
    pub struct Quantity {
        /// The number of units, for example `6.30`. All digits are kept. At most 64 digits are accepted.
        value: serde_json::Number,
        ?
        /// The unit in a form for people to read, for example `mmol/L`.
        unit: Line<100>,
        /// The unit as a UCUM code, for example `mmol/L` or `mm[Hg]`.
        code: Identifier<100>,
    }

    /// An order for a medicine, as FHIR R4 `MedicationRequest`.
    pub struct Prescription {
        /// The medicine that is ordered, coded for example in RxNorm.
        medication: Coding,
        ?
        /// The FHIR status of the order, for example `active` or `stopped`.
        status: Line<50>,
        /// The time at which the order was written, as exactly as it is known.
        authored_on: PastDateTime,
        /// The dosage instructions as text, for example `1 tablet twice a day with meals`.
        dosage: Text<2000>,
        /// Whether the patient takes the medicine only when they need it.
        as_needed: bool,
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

    /// A vaccination of the patient, as FHIR R4 `Immunization`.
    pub struct Immunization {
        /// The vaccine that was given, coded for example in CVX.
        vaccine: Coding,
        ?
        /// The FHIR status of the vaccination, for example `completed` or `not-done`.
        status: Line<50>,
        /// The time at which the vaccine was given, as exactly as it is known.
        occurrence: PastDateTime,
    }

    /// A plan for the patient's treatment, as FHIR R4 `CarePlan`.
    pub struct CarePlan {
        /// The kind of plan, coded for example in SNOMED CT.
        category: Coding,
        ?
        /// The FHIR status of the plan, for example `active` or `completed`.
        status: Line<50>,
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

/// The result of a measurement, as FHIR R4 `Observation.value[x]`: an object with exactly one of
/// `quantity`, `coded` and `text`.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize, Deserialize)]
#[serde(
    rename_all = "snake_case",
    deny_unknown_fields,
    expecting = "an object with `quantity`, `coded` or `text`, for example {\"quantity\": {\"value\": 6.3, \"unit\": \"mmol/L\"}}"
)]
pub enum ObservationValue {
    /// The result as a measured amount.
    Quantity(Quantity),
    /// The result as a coded concept.
    Coded(Coding),
    /// The result as free text.
    Text(Text<5000>),
}

//! The content of a medical record, one shape a type; codes are FHIR Codings (ICD-10-CM, SNOMED
//! CT, LOINC, RxNorm, CVX, …).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::coding::Coding;
use super::record::RecordType;
use super::text::Text;
use crate::errors::Error;
use crate::json::typed;
use crate::time::Timestamp;

/// Content that fits its record type.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize)]
#[serde(untagged)]
pub enum RecordContent {
    /// Of a DIAGNOSIS.
    Diagnosis(Diagnosis),
    /// Of a TREATMENT.
    Treatment(Treatment),
    /// Of a SUMMARY or a NOTE.
    Narrative(Narrative),
    /// Of a LAB_RESULT.
    LabResult(LabResult),
    /// Of a PRESCRIPTION.
    Prescription(Prescription),
    /// Of an IMAGING.
    Imaging(Imaging),
    /// Of an IMMUNIZATION.
    Immunization(Immunization),
    /// Of a CARE_PLAN.
    CarePlan(CarePlan),
}

impl RecordContent {
    /// Parses what came as `content` of a record of this type. Errors: it doesn't fit.
    pub fn parse(record_type: RecordType, content: serde_json::Value) -> Result<Self, Error> {
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

// Required fields first; those behind `?` are optional.
shapes! {
    /// A condition (FHIR Condition).
    pub struct Diagnosis {
        /// Which.
        code: Coding,
        ?
        /// FHIR's clinical status.
        clinical_status: Text<50>,
        /// FHIR's verification status.
        verification_status: Text<50>,
        /// Since when.
        onset: Timestamp,
        /// Until when.
        abatement: Timestamp,
    }

    /// A procedure (FHIR Procedure).
    pub struct Treatment {
        /// Which.
        code: Coding,
        ?
        /// FHIR's status.
        status: Text<50>,
        /// From when.
        performed_start: Timestamp,
        /// Until when.
        performed_end: Timestamp,
        /// What for.
        reason: Coding,
    }

    /// Words.
    pub struct Narrative {
        /// The words.
        text: Text<50000>,
    }

    /// A measurement, or a report of several (FHIR Observation, DiagnosticReport).
    pub struct LabResult {
        /// What was measured.
        code: Coding,
        ?
        /// FHIR's category.
        category: Text<100>,
        /// FHIR's status.
        status: Text<50>,
        /// For which time.
        effective: Timestamp,
        /// The result.
        value: Value,
        /// Results of its parts.
        components: Vec<Component>,
        /// What a report is made of, in words.
        results: Vec<Text<500>>,
    }

    /// A part of a measurement.
    pub struct Component {
        /// What was measured.
        code: Coding,
        ?
        /// The result.
        value: Value,
    }

    /// An amount (FHIR Quantity).
    pub struct Quantity {
        /// How much.
        value: serde_json::Number,
        ?
        /// Of what, to be read.
        unit: Text<100>,
        /// Of what, as a UCUM code.
        code: Text<100>,
    }

    /// A medicine ordered (FHIR MedicationRequest).
    pub struct Prescription {
        /// Which.
        medication: Coding,
        ?
        /// FHIR's status.
        status: Text<50>,
        /// When.
        authored_on: Timestamp,
        /// How to take it.
        dosage: Text<2000>,
        /// Only when needed.
        as_needed: bool,
    }

    /// An imaging study (FHIR ImagingStudy).
    pub struct Imaging {
        ?
        /// By which technique.
        modality: Coding,
        /// Of which part of the body.
        body_site: Coding,
        /// When.
        started: Timestamp,
        /// In words.
        description: Text<2000>,
        /// Number of images.
        instances: u32,
    }

    /// A vaccine given (FHIR Immunization).
    pub struct Immunization {
        /// Which.
        vaccine: Coding,
        ?
        /// FHIR's status.
        status: Text<50>,
        /// When.
        occurrence: Timestamp,
    }

    /// A plan of care (FHIR CarePlan).
    pub struct CarePlan {
        /// Of which kind.
        category: Coding,
        ?
        /// FHIR's status.
        status: Text<50>,
        /// From when.
        period_start: Timestamp,
        /// Until when.
        period_end: Timestamp,
        /// What it asks for.
        activities: Vec<Activity>,
    }

    /// A step of a plan.
    pub struct Activity {
        /// What.
        code: Coding,
        ?
        /// How far.
        status: Text<50>,
    }
}

/// A result (FHIR `Observation.value[x]`).
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Value {
    /// An amount.
    Quantity(Quantity),
    /// A concept.
    Coded(Coding),
    /// Words.
    Text(Text<5000>),
}

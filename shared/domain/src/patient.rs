//! Patients: the identity of a user of role PATIENT, joined with their clinical summary.

use crate::date_time::{BirthDate, DateTime, PastDateTime};
use crate::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sql::Jsonb;

use super::coding::Coding;
use super::custom_data::CustomData;
use super::text::{Line, Text};
use crate::amendment::AmendmentLink;
use crate::disclosure::Content;
use crate::ids::{PatientId, ProviderId, UserId};
use crate::shapes::{Broken, shapes};
use errors::Error;
use sql::row;
use sql::text_enum;

text_enum! {
    /// The administrative gender of a person, as in FHIR R4.
    pub enum Gender: "lowercase" {
        /// The administrative gender is male.
        Male,
        /// The administrative gender is female.
        Female,
        /// The administrative gender is neither male nor female.
        Other,
        /// The administrative gender is not known.
        Unknown,
    }
}

/// A condition in the patient's medical history.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PastCondition {
    /// The condition, coded for example in ICD-10-CM or SNOMED CT.
    pub code: Coding,
    /// The time at which the condition began, as exactly as it is known, for example `2019-04`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub onset: Option<PastDateTime>,
    /// Further information about the condition as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<Text<2000>>,
}

/// The category of a substance, as in FHIR R4 `AllergyIntolerance`.
#[derive(Clone, Copy, Debug, JsonSchema, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AllergyCategory {
    /// The substance is a food.
    Food,
    /// The substance is a medicine.
    Medication,
    /// The substance occurs in the environment, such as pollen.
    Environment,
    /// The substance is a biological preparation, such as a vaccine.
    Biologic,
}

/// The potential harm of a future reaction, as in FHIR R4 `AllergyIntolerance`.
#[derive(Clone, Copy, Debug, JsonSchema, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AllergyCriticality {
    /// A reaction is unlikely to be life-threatening.
    Low,
    /// A reaction may be life-threatening.
    High,
    /// The potential harm can't be assessed.
    UnableToAssess,
}

/// The mechanism of a reaction, as in FHIR R4 `AllergyIntolerance`.
#[derive(Clone, Copy, Debug, JsonSchema, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AllergyType {
    /// The reaction is allergic.
    Allergy,
    /// The reaction isn't allergic, for example an intolerance of a food.
    Intolerance,
}

/// The severity of a reaction, as in FHIR R4 `AllergyIntolerance`.
#[derive(Clone, Copy, Debug, JsonSchema, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReactionSeverity {
    /// The reaction was mild.
    Mild,
    /// The reaction was moderate.
    Moderate,
    /// The reaction was severe.
    Severe,
}

shapes! {
    /// A reaction to a substance, as FHIR R4 `AllergyIntolerance.reaction`.
    pub struct Reaction where Reaction::rule {
        /// The signs of the reaction, for example hives. At least one is required.
        #[schemars(length(min = 1))]
        manifestation: Vec<Coding>,
        ?
        /// The severity of the reaction.
        severity: ReactionSeverity,
        /// The reaction in words.
        description: Text<2000>,
    }

    /// The fact that the patient has died, as FHIR R4 `Patient.deceased[x]`.
    pub struct Deceased {
        ?
        /// The time of death, as exactly as it is known, for example `2024-05`. Absent if it isn't known.
        at: PastDateTime,
    }
}

impl Reaction {
    fn rule(&self) -> Option<Broken> {
        self.manifestation.is_empty().then(|| Broken {
            field: "manifestation",
            what: "at least one concept, for example {\"display\": \"hives\"}",
            example: json!({"manifestation": [{"display": "hives"}]}),
        })
    }
}

/// An allergy or intolerance of the patient, as FHIR R4 `AllergyIntolerance`.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Allergy {
    /// The substance or the allergy, coded for example in SNOMED CT or RxNorm.
    pub code: Coding,
    /// The mechanism of the reaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r#type: Option<AllergyType>,
    /// The categories of the substance, for example `food`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub category: Vec<AllergyCategory>,
    /// The potential harm of a future reaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub criticality: Option<AllergyCriticality>,
    /// The FHIR clinical status, for example `active`, `inactive` or `resolved`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clinical_status: Option<Line<50>>,
    /// The FHIR verification status, for example `unconfirmed` or `confirmed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification_status: Option<Line<50>>,
    /// The time at which the allergy began, as exactly as it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub onset: Option<PastDateTime>,
    /// The time at which the allergy was first recorded, as exactly as it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded_at: Option<PastDateTime>,
    /// The reactions that the patient had.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reaction: Vec<Reaction>,
}

/// A health goal of the patient, as FHIR R4 `Goal`.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthGoal {
    /// The goal in words, for example `Walk half an hour a day`.
    pub description: Text<1000>,
    /// The status of the goal, for example `active` or `completed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Line<50>>,
    /// The time from which the patient pursues the goal, for example `2026-03-01` or `2026`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_date: Option<DateTime>,
    /// The time by which the patient wants to achieve the goal, for example `2026-12-31` or `2027`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_date: Option<DateTime>,
}

/// A circumstance that increases the patient's risk of disease or injury.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RiskFactor {
    /// The risk factor, coded for example in SNOMED CT.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Coding>,
    /// The risk factor in words, for example `Family history of hypertension`.
    pub description: Text<1000>,
    /// The severity of the risk in words, for example `moderate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<Line<50>>,
}

row! {
    /// A patient with their name and their clinical summary. The clinical fields `medical_history`,
    /// `allergies`, `health_goals` and `risk_factors` are null for callers without clinical access,
    /// and also if nothing is stored.
    #[derive(Debug, JsonSchema, Serialize)]
    pub struct Patient {
        /// The id of the patient, a UUID.
        pub id: PatientId,
        /// The id of the patient's user account.
        pub user_id: UserId,
        /// The given name of the patient. Null if the patient has only a family name.
        pub first_name: Option<String>,
        /// The family name of the patient. Null if the patient has only a given name.
        pub last_name: Option<String>,
        /// The medical record number of the patient, which is unique in the clinic.
        pub patient_number: String,
        /// The patient's date of birth as exactly as it is known: a day, a month or a year, for example
        /// `1984-07-21`, `1984-07` or `1984`.
        pub date_of_birth: BirthDate,
        /// The patient's administrative gender, as in FHIR R4.
        pub gender: Gender,
        /// The fact that the patient has died, with the time of death if it is known. Null if the patient is
        /// alive or nothing else is known.
        pub deceased: Option<Jsonb<Deceased>>,
        /// The providers to whom the patient is assigned. Empty if there are none.
        pub assigned_providers: Vec<ProviderId>,
        /// The patient's past conditions. Null without clinical access or if none are stored.
        pub medical_history: Option<Jsonb<Vec<PastCondition>>>,
        /// The patient's allergies and intolerances. Null without clinical access or if none are
        /// stored.
        pub allergies: Option<Jsonb<Vec<Allergy>>>,
        /// The patient's health goals. Null without clinical access or if none are stored.
        pub health_goals: Option<Jsonb<Vec<HealthGoal>>>,
        /// The patient's risk factors. Null without clinical access or if none are stored.
        pub risk_factors: Option<Jsonb<Vec<RiskFactor>>>,
        /// Additional non-clinical fields that the clinic defines, valid against the JSON Schema
        /// registered for `patients`. Null if there are none.
        pub custom_data: Option<CustomData>,
        /// The version of the JSON Schema that `custom_data` satisfies. Null if `custom_data` is
        /// null.
        #[schemars(range(min = 1))]
        pub custom_data_version: Option<i32>,
        /// The time at which the patient was registered (RFC 3339, UTC).
        pub created_at: Timestamp,
        /// The time of the last change of the patient (RFC 3339, UTC).
        pub updated_at: Timestamp,
        /// The newest 20 amendments of the patient's profile that the caller can read, the newest first.
        /// `GET /v1/amendments?patient_id=…` lists all. An answer with amendments has no `ETag`, because they change while the
        /// patient stays as it is.
        pub amendments: Jsonb<Vec<AmendmentLink>>,
        /// Whether the patient is archived. `DELETE` archives a patient and never erases them.
        pub is_archived: bool,
        /// The version number of the patient: it starts at 1 and grows by 1 with each change. The
        /// `ETag` header carries it too.
        #[schemars(range(min = 1))]
        pub version: i32,
    }
}

impl Content for Patient {
    fn patients(&self) -> Vec<PatientId> {
        vec![self.id]
    }

    fn version(&self) -> Option<i32> {
        self.amendments.0.is_empty().then_some(self.version)
    }
}

/// The details of the 409s that [`patient_rule`] gives.
pub const PATIENT_CONFLICTS: &[&str] = &[NUMBER_TAKEN];

const NUMBER_TAKEN: &str = "Another patient already has this patient_number.";

/// The error that a violated constraint on patients means to the caller. None if the constraint is unknown
/// here.
pub fn patient_rule(constraint: &str) -> Option<Error> {
    Some(match constraint {
        "patients_patient_number_key" => Error::AlreadyExists(NUMBER_TAKEN),
        "patients_date_of_birth_range" => {
            Error::invalid("date_of_birth", "expected a date from 1850 until today")
        }
        "patients_born_before_visits" => Error::invalid(
            "date_of_birth",
            "expected a date that isn't after the patient's first appointment",
        ),
        "patients_died_after_birth" => Error::invalid(
            "deceased.at",
            "expected a time that isn't before the patient's birth",
        ),
        _ => return None,
    })
}

/// A `select` statement for a [`Patient`]. The arguments are appended to it, for example a `where`
/// clause.
#[macro_export]
macro_rules! select_patient {
    ($($rest:literal),+ $(,)?) => {
        concat!(
            "select id, user_id, first_name, last_name, patient_number, date_of_birth, gender, deceased,
               assigned_providers, medical_history, allergies, health_goals, risk_factors,
               custom_data, custom_data_version, created_at, updated_at, is_archived, version, ",
            $crate::amendment_links!("a.patient_id = patient_profiles.id and a.profile_field is not null"),
            " from patient_profiles ",
            $($rest),+
        )
    };
}

//! Patients (seed A table 2; seed B `patient_profiles`).

use crate::sql::Jsonb;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::coding::Coding;
use super::custom_data::CustomData;
use super::text::Text;
use crate::ids::{PatientId, ProviderId, UserId};
use crate::reply::Content;
use crate::row;
use crate::sql::text_enum;
use crate::time::{Date, Timestamp};

text_enum! {
    /// FHIR R4 AdministrativeGender.
    pub enum Gender: "lowercase" {
        /// Male.
        Male,
        /// Female.
        Female,
        /// Other.
        Other,
        /// Not known.
        Unknown,
    }
}

/// A past condition.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PastCondition {
    /// What it was.
    pub code: Coding,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub onset: Option<Date>,
    /// Anything more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<Text<2000>>,
}

/// FHIR R4 allergy-intolerance-category.
#[derive(Clone, Copy, Debug, JsonSchema, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AllergyCategory {
    /// Food.
    Food,
    /// A medicine.
    Medication,
    /// Of the environment.
    Environment,
    /// A biologic.
    Biologic,
}

/// FHIR R4 allergy-intolerance-criticality.
#[derive(Clone, Copy, Debug, JsonSchema, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AllergyCriticality {
    /// Low.
    Low,
    /// High.
    High,
    /// Can't be assessed.
    UnableToAssess,
}

/// An allergy or intolerance.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Allergy {
    /// To what.
    pub code: Coding,
    /// Of which kinds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub category: Vec<AllergyCategory>,
    /// How dangerous.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub criticality: Option<AllergyCriticality>,
    /// FHIR's clinical status, such as `active`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clinical_status: Option<Text<50>>,
    /// When it was recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded_at: Option<Timestamp>,
}

/// Something the patient works towards.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthGoal {
    /// What.
    pub description: Text<1000>,
    /// How far it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Text<50>>,
    /// Until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_date: Option<Date>,
}

/// Something that endangers the patient.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RiskFactor {
    /// What, coded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Coding>,
    /// What, in words.
    pub description: Text<1000>,
    /// How much.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<Text<50>>,
}

row! {
    /// A patient as answered: identity joined with role data. The four clinical fields are null
    /// for a caller without clinical access, and where nothing is stored.
    #[derive(Debug, JsonSchema, Serialize)]
    pub struct Patient {
        /// The patient.
        pub id: PatientId,
        /// The account.
        pub user_id: UserId,
        /// Given name.
        pub first_name: String,
        /// Family name.
        pub last_name: String,
        /// The medical record number.
        pub patient_number: String,
        /// Date of birth.
        pub date_of_birth: Date,
        /// Administrative gender.
        pub gender: Gender,
        /// Who cares for the patient.
        pub assigned_providers: Vec<ProviderId>,
        /// Clinical: past conditions.
        pub medical_history: Option<Jsonb<Vec<PastCondition>>>,
        /// Clinical: allergies.
        pub allergies: Option<Jsonb<Vec<Allergy>>>,
        /// Clinical: goals.
        pub health_goals: Option<Jsonb<Vec<HealthGoal>>>,
        /// Clinical: risks.
        pub risk_factors: Option<Jsonb<Vec<RiskFactor>>>,
        /// The clinic's own fields, none of them clinical.
        pub custom_data: Option<CustomData>,
        /// The version of the registered schema that they satisfied.
        pub custom_data_version: Option<i32>,
        /// When it was made.
        pub created_at: Timestamp,
        /// When it last changed.
        pub updated_at: Timestamp,
        /// Whether it was deleted.
        pub is_archived: bool,
        /// Counts its changes.
        pub version: i32,
    }
}

impl Content for Patient {
    fn patients(&self) -> Vec<PatientId> {
        vec![self.id]
    }

    fn version(&self) -> Option<i32> {
        Some(self.version)
    }
}

/// `select …` of a [`Patient`]; goes on with `where` or the like.
#[macro_export]
macro_rules! select_patient {
    ($($rest:literal),+ $(,)?) => {
        concat!(
            "select id, user_id, first_name, last_name, patient_number, date_of_birth, gender,
               assigned_providers, medical_history, allergies, health_goals, risk_factors,
               custom_data, custom_data_version, created_at, updated_at, is_archived, version
             from patient_profiles ",
            $($rest),+
        )
    };
}

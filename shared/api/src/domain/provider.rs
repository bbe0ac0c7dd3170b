//! Providers (seed A table 3; seed B `provider_profiles`).

use crate::sql::Jsonb;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::custom_data::CustomData;
use super::schedule::Schedule;
use super::text::Text;
use crate::errors::Error;
use crate::ids::{PatientId, ProviderId, UserId};
use crate::reply::Content;
use crate::row;
use crate::time::{Date, Timestamp};

/// A qualification.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certification {
    /// What.
    pub name: Text<200>,
    /// By whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<Text<200>>,
    /// Its number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identifier: Option<Text<100>>,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issued_on: Option<Date>,
    /// Until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_on: Option<Date>,
}

row! {
    /// A provider as answered: identity joined with role data.
    #[derive(Debug, JsonSchema, Serialize)]
    pub struct Provider {
        /// The provider.
        pub id: ProviderId,
        /// The account.
        pub user_id: UserId,
        /// Given name.
        pub first_name: String,
        /// Family name.
        pub last_name: String,
        /// The licence.
        pub license_number: String,
        /// Fields of practice.
        pub specialties: Vec<String>,
        /// Qualifications.
        pub certifications: Option<Jsonb<Vec<Certification>>>,
        /// Hours.
        pub schedule: Option<Jsonb<Schedule>>,
        /// Mean of the reviews, 1 to 5; null without any.
        pub rating: Option<f64>,
        /// Number of reviews.
        pub total_reviews: i32,
        /// Whether the licence was verified.
        pub is_verified: bool,
        /// The clinic's own fields.
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
        /// When the licence was verified.
        pub verified_at: Option<Timestamp>,
        /// By whom.
        pub verified_by: Option<UserId>,
        /// Why its verification was withdrawn; for her and for who verifies.
        pub withdrawal_reason: Option<String>,
    }
}

impl Content for Provider {
    fn patients(&self) -> Vec<PatientId> {
        Vec::new()
    }

    fn version(&self) -> Option<i32> {
        Some(self.version)
    }
}

/// What the database says of a provider that can't be kept so, in the client's words, by the name of the
/// constraint.
pub fn provider_rule(constraint: &str) -> Option<Error> {
    Some(match constraint {
        "providers_license_number_key" => Error::AlreadyExists("this license_number is taken"),
        "providers_specialties_count" => Error::invalid("specialties", "expected at most 50"),
        "providers_schedule_time_zone" => Error::invalid(
            "schedule.time_zone",
            "expected an IANA time zone by its full name",
        ),
        _ => return None,
    })
}

/// `select …` of a [`Provider`]; goes on with `where` or the like.
#[macro_export]
macro_rules! select_provider {
    ($($rest:literal),+ $(,)?) => {
        concat!(
            "select id, user_id, first_name, last_name, license_number, specialties, certifications,
               schedule, rating, total_reviews, is_verified, custom_data, custom_data_version,
               created_at, updated_at, is_archived, version, verified_at, verified_by,
               withdrawal_reason
             from provider_profiles ",
            $($rest),+
        )
    };
}

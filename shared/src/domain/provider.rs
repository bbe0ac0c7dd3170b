//! Providers (seed A table 3; seed B `provider_profiles` and schedules).

use crate::sql::Jsonb;
use jiff::Timestamp;
use jiff::civil::{Date, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::text::{Text, ZoneName};
use crate::ids::{PatientId, ProviderId, UserId};
use crate::reply::Content;
use crate::row;

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

/// A day of the week.
#[derive(Clone, Copy, Debug, JsonSchema, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Weekday {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

/// Hours that recur each week, in the schedule's time zone.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeeklyHours {
    /// On which day.
    pub weekday: Weekday,
    /// From when, local time.
    pub from: Time,
    /// Until when, local time.
    pub to: Time,
}

/// Hours of one date; none at all where both times are absent.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExceptionalHours {
    /// On which date.
    pub date: Date,
    /// From when, local time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Time>,
    /// Until when, local time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Time>,
}

/// When a provider sees patients (seed B).
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// The zone of all its times.
    pub time_zone: ZoneName,
    /// Each week.
    pub weekly: Vec<WeeklyHours>,
    /// Instead, on single dates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<ExceptionalHours>,
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

impl Content for Provider {
    fn patients(&self) -> Vec<PatientId> {
        Vec::new()
    }

    fn version(&self) -> Option<i32> {
        Some(self.version)
    }
}

/// `select …` of a [`Provider`]; goes on with `where` or the like.
#[macro_export]
macro_rules! select_provider {
    ($($rest:literal),+ $(,)?) => {
        concat!(
            "select id, user_id, first_name, last_name, license_number, specialties, certifications,
               schedule, rating, total_reviews, is_verified, created_at, updated_at, is_archived, version
             from provider_profiles ",
            $($rest),+
        )
    };
}

//! Appointments (seed A table 4).

use crate::sql::Jsonb;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::custom_data::CustomData;
use super::text::{HttpsUrl, Text};
use super::user::Address;
use crate::errors::Error;
use crate::ids::{AppointmentId, PatientId, ProviderId, UserId};
use crate::reply::Content;
use crate::row;
use crate::sql::text_enum;
use crate::time::Timestamp;

text_enum! {
    /// How far a visit is.
    pub enum AppointmentStatus: "SCREAMING_SNAKE_CASE" {
        /// It is to come, or under way.
        Scheduled,
        /// It took place.
        Completed,
        /// It won't take place.
        Cancelled,
    }
}

/// How patient and provider meet.
#[derive(Clone, Copy, Debug, JsonSchema, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LocationKind {
    /// In one place.
    InPerson,
    /// By video.
    Video,
    /// By telephone.
    Phone,
}

/// Where they meet.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Location {
    /// In which way.
    pub kind: LocationKind,
    /// The place's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Text<200>>,
    /// The place's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
    /// Where to dial in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<HttpsUrl>,
}

row! {
    /// An appointment as answered.
    #[derive(Debug, JsonSchema, Serialize)]
    pub struct Appointment {
        /// The visit.
        pub id: AppointmentId,
        /// Whose visit.
        pub patient_id: PatientId,
        /// With whom.
        pub provider_id: ProviderId,
        /// When it begins.
        pub scheduled_at: Timestamp,
        /// How long, in minutes.
        pub duration_minutes: i32,
        /// How far it is.
        pub status: AppointmentStatus,
        /// Where.
        pub location: Option<Jsonb<Location>>,
        /// Notes for both.
        pub notes: Option<String>,
        /// Its identifier in the system it came from.
        pub external_id: Option<String>,
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
        /// Why it was last moved or called off.
        pub change_reason: Option<String>,
        /// The patient's rating, 1 to 5; shown to her alone.
        pub rating: Option<i32>,
    }
}

impl Content for Appointment {
    fn patients(&self) -> Vec<PatientId> {
        vec![self.patient_id]
    }

    fn version(&self) -> Option<i32> {
        Some(self.version)
    }
}

row! {
    /// What became of a visit at one time; its history begins with the booking.
    #[derive(Debug, JsonSchema, Serialize)]
    pub struct AppointmentChange {
        /// Its number, for the order alone.
        #[serde(skip)]
        pub id: i64,
        /// The visit.
        pub appointment_id: AppointmentId,
        /// Whose visit.
        pub patient_id: PatientId,
        /// When.
        pub changed_at: Timestamp,
        /// By whom; none where no person acted.
        pub changed_by: Option<UserId>,
        /// When it was to begin before; none for the booking.
        pub old_scheduled_at: Option<Timestamp>,
        /// When it was to begin from then on.
        pub new_scheduled_at: Timestamp,
        /// How long it was to be before, in minutes; none for the booking.
        pub old_duration_minutes: Option<i32>,
        /// How long from then on, in minutes.
        pub new_duration_minutes: i32,
        /// How far it was before; none for the booking.
        pub old_status: Option<AppointmentStatus>,
        /// How far from then on.
        pub new_status: AppointmentStatus,
        /// Whether it was deleted from then on.
        pub is_archived: bool,
        /// Why it was moved or called off; both read it.
        pub reason: Option<String>,
    }
}

impl Content for AppointmentChange {
    fn patients(&self) -> Vec<PatientId> {
        vec![self.patient_id]
    }
}

/// What the database says of a time that can't be booked, in the client's words, by the name of the
/// constraint.
pub fn booking_rule(constraint: &str) -> Option<Error> {
    Some(match constraint {
        "appointments_provider_no_overlap" => Error::Conflict("the provider's time is taken"),
        "appointments_patient_no_overlap" => Error::Conflict("the patient has another visit then"),
        "appointments_provider_verified" => {
            Error::Conflict("the provider's licence isn't verified")
        }
        "appointments_within_hours" => {
            Error::Conflict("the time is outside of the provider's hours")
        }
        "appointments_lead_time" => Error::Conflict("the provider asks for longer notice"),
        "appointments_provider_practises" => {
            Error::invalid("provider_id", "expected a provider who practises")
        }
        "appointments_patient_registered" => Error::Conflict("the patient's chart is closed"),
        "appointments_scheduled_at_range" => {
            Error::invalid("scheduled_at", "expected a time of 1850 to 2199")
        }
        "appointments_not_past" => Error::invalid("scheduled_at", "expected a time to come"),
        "appointments_duration_minutes_range" => {
            Error::invalid("duration_minutes", "expected 1 to 1440")
        }
        _ => return None,
    })
}

/// `select …` of an [`Appointment`]; goes on with `where` or the like.
#[macro_export]
macro_rules! select_appointment {
    ($($rest:expr),+ $(,)?) => {
        concat!(
            "select id, patient_id, provider_id, scheduled_at, duration_minutes, status::text, location,
               notes, external_id, custom_data, custom_data_version,
               created_at, updated_at, is_archived, version,
               change_reason, case when patient_id = actor_patient() then rating end as rating
             from appointments ",
            $($rest),+
        )
    };
}

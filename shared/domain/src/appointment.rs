//! Appointments and the history of their changes.

use crate::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sql::Jsonb;

use super::custom_data::CustomData;
use super::text::{HttpsUrl, Line};
use super::user::Address;
use crate::disclosure::Content;
use crate::ids::{AppointmentId, PatientId, ProviderId, UserId};
use errors::Error;
use sql::row;
use sql::text_enum;

text_enum! {
    /// The status of an appointment.
    pub enum AppointmentStatus: "SCREAMING_SNAKE_CASE" {
        /// The appointment is in the future, or it has begun and nobody has recorded whether the
        /// patient came. It is `booked` in FHIR.
        Scheduled,
        /// The patient has come. It is `arrived` or `checked-in` in FHIR.
        CheckedIn,
        /// The provider has confirmed that the appointment took place. It is `fulfilled` in FHIR.
        Completed,
        /// The appointment will not take place.
        Cancelled,
        /// The patient did not come. It is `noshow` in FHIR.
        NoShow,
    }
}

/// The way in which the patient and the provider meet.
#[derive(Clone, Copy, Debug, JsonSchema, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LocationKind {
    /// They meet at a physical place.
    InPerson,
    /// They meet in a video call.
    Video,
    /// They meet in a telephone call.
    Phone,
}

/// The place, call or link where the patient and the provider meet.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Location {
    /// The way in which the patient and the provider meet: in person, by video or by telephone.
    pub kind: LocationKind,
    /// The name of the place, for example `Room 12`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Line<200>>,
    /// The postal address of the place, for an appointment in person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
    /// The `https` link with which the patient and the provider join, for an appointment by video.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<HttpsUrl>,
}

row! {
    /// An appointment (a visit) of one patient with one provider.
    #[derive(Debug, JsonSchema, Serialize)]
    pub struct Appointment {
        /// The id of the appointment, a UUID.
        pub id: AppointmentId,
        /// The patient who has the appointment.
        pub patient_id: PatientId,
        /// The provider whom the patient sees.
        pub provider_id: ProviderId,
        /// The time at which the appointment begins (RFC 3339, UTC), for example
        /// `2026-03-02T09:30:00Z`.
        pub scheduled_at: Timestamp,
        /// The length of the appointment in minutes, 1 to 1440.
        #[schemars(range(min = 1, max = 1440))]
        pub duration_minutes: i32,
        /// The status of the appointment: scheduled, checked in, completed, cancelled or missed.
        pub status: AppointmentStatus,
        /// The place or the link where the patient and the provider meet. Null if none is set.
        pub location: Option<Jsonb<Location>>,
        /// Free-text notes that both the patient and the provider can read. Null if there are none.
        pub notes: Option<String>,
        /// The system that the appointment was imported from, a URI. Null if it was not imported.
        pub source_system: Option<String>,
        /// The identifier of the appointment in the system it was imported from. Null if it was not
        /// imported.
        pub external_id: Option<String>,
        /// Additional fields that the clinic defines, valid against the JSON Schema registered for
        /// `appointments`. Null if there are none.
        pub custom_data: Option<CustomData>,
        /// The version of the JSON Schema that `custom_data` satisfies. Null if `custom_data` is
        /// null.
        #[schemars(range(min = 1))]
        pub custom_data_version: Option<i32>,
        /// The time at which the appointment was created (RFC 3339, UTC).
        pub created_at: Timestamp,
        /// The time of the last change of the appointment (RFC 3339, UTC).
        pub updated_at: Timestamp,
        /// Whether the appointment is archived. `DELETE` archives an appointment and never erases
        /// it.
        pub is_archived: bool,
        /// The version number of the appointment: it starts at 1 and grows by 1 with each change.
        /// The `ETag` header carries it too.
        #[schemars(range(min = 1))]
        pub version: i32,
        /// The reason given when the appointment was last moved or cancelled. Null if neither has
        /// happened.
        pub change_reason: Option<String>,
        /// The patient's rating of the appointment, from 1 (worst) to 5 (best). Only this patient and their
        /// representatives see it; it is null for everyone else and until one of them has rated.
        #[schemars(range(min = 1, max = 5))]
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
    /// One entry in the history of an appointment. The first entry is the booking.
    #[derive(Debug, JsonSchema, Serialize)]
    pub struct AppointmentChange {
        /// The position in the history. It orders the entries and is not part of the answer.
        #[serde(skip)]
        pub id: i64,
        /// The id of the appointment that changed.
        pub appointment_id: AppointmentId,
        /// The patient who has the appointment.
        pub patient_id: PatientId,
        /// The time at which the change was made (RFC 3339, UTC).
        pub changed_at: Timestamp,
        /// The user who made the change. Null if no user made it.
        pub changed_by: Option<UserId>,
        /// The beginning of the appointment before the change (RFC 3339, UTC). Null for the
        /// booking.
        pub old_scheduled_at: Option<Timestamp>,
        /// The beginning of the appointment after the change (RFC 3339, UTC).
        pub new_scheduled_at: Timestamp,
        /// The length of the appointment in minutes before the change. Null for the booking.
        #[schemars(range(min = 1, max = 1440))]
        pub old_duration_minutes: Option<i32>,
        /// The length of the appointment in minutes after the change.
        #[schemars(range(min = 1, max = 1440))]
        pub new_duration_minutes: i32,
        /// The status of the appointment before the change. Null for the booking.
        pub old_status: Option<AppointmentStatus>,
        /// The status of the appointment after the change.
        pub new_status: AppointmentStatus,
        /// Whether the appointment was archived after the change.
        pub is_archived: bool,
        /// The reason given for moving or cancelling the appointment. The patient and the provider
        /// can read it. Null if none was given.
        pub reason: Option<String>,
    }
}

impl Content for AppointmentChange {
    fn patients(&self) -> Vec<PatientId> {
        vec![self.patient_id]
    }
}

/// The details of the 409 responses that [`booking_rule`] can return.
pub const BOOKING_CONFLICTS: &[&str] = &[
    PROVIDER_BUSY,
    PATIENT_BUSY,
    NOT_VERIFIED,
    OUTSIDE_HOURS,
    LEAD_TIME,
    HORIZON,
    LONGEST,
    PATIENT_ARCHIVED,
    PATIENT_DECEASED,
];

const PROVIDER_BUSY: &str = "The provider already has an appointment at that time.";
const PATIENT_BUSY: &str = "The patient already has an appointment at that time.";
const NOT_VERIFIED: &str = "The provider's licence is not verified.";
const OUTSIDE_HOURS: &str = "The time is outside the provider's working hours.";
const LEAD_TIME: &str = "The provider needs longer notice for a booking.";
const HORIZON: &str = "The time is beyond the provider's booking horizon. Choose an earlier time.";
const LONGEST: &str =
    "The appointment is longer than the provider's maximum. Choose a shorter one.";
const PATIENT_ARCHIVED: &str = "The patient is archived, so nothing can be booked for them.";
const PATIENT_DECEASED: &str = "The patient has died, so no visit to come can be booked for them.";

/// The error for a violation of the named constraint on appointments. None if the constraint isn't one of them.
pub fn booking_rule(constraint: &str) -> Option<Error> {
    Some(match constraint {
        "appointments_provider_no_overlap" => Error::Conflict(PROVIDER_BUSY),
        "appointments_patient_no_overlap" => Error::Conflict(PATIENT_BUSY),
        "appointments_provider_verified" => Error::Conflict(NOT_VERIFIED),
        "appointments_within_hours" => Error::Conflict(OUTSIDE_HOURS),
        "appointments_lead_time" => Error::Conflict(LEAD_TIME),
        "appointments_horizon" => Error::Conflict(HORIZON),
        "appointments_longest" => Error::Conflict(LONGEST),
        "appointments_provider_practises" => {
            Error::invalid("provider_id", "expected a provider with an active account")
        }
        "appointments_patient_registered" => Error::Conflict(PATIENT_ARCHIVED),
        "appointments_patient_alive" => Error::Conflict(PATIENT_DECEASED),
        "appointments_scheduled_at_range" => {
            Error::invalid("scheduled_at", "expected a time from 1850 to 2199")
        }
        "appointments_after_birth" => {
            Error::invalid("scheduled_at", "expected a time after the patient's birth")
        }
        "appointments_not_past" => Error::invalid("scheduled_at", "expected a time in the future"),
        "appointments_duration_minutes_range" => {
            Error::invalid("duration_minutes", "expected 1 to 1440")
        }
        _ => return None,
    })
}

/// A `select` statement for an [`Appointment`]. The arguments are appended to it, for example a
/// `where` clause.
#[macro_export]
macro_rules! select_appointment {
    ($($rest:expr),+ $(,)?) => {
        concat!(
            "select id, patient_id, provider_id, scheduled_at, duration_minutes, status::text, location,
               notes, source_system, external_id, custom_data, custom_data_version,
               created_at, updated_at, is_archived, version,
               change_reason, case when reaches('appointments:rate', patient_id) then rating end as rating
             from appointments ",
            $($rest),+
        )
    };
}

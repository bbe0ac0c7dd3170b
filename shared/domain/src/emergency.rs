//! Emergency access: a clinician reaches one patient for a few hours who isn't in their care.

use schemars::JsonSchema;
use serde::Serialize;
use sql::{row, text_enum};

use crate::date_time::BirthDate;
use crate::disclosure::Content;
use crate::ids::{EmergencyAccessId, PatientId, UserId};
use crate::time::Timestamp;
use errors::Error;

text_enum! {
    /// A reason for emergency access.
    pub enum EmergencyReason: "SCREAMING_SNAKE_CASE" {
        /// The life of the patient is in danger.
        LifeThreatening,
        /// The patient must be treated before somebody can give care.
        UrgentTreatment,
        /// The patient can't speak for themself.
        PatientUnresponsive,
        /// Nobody who has the patient in care can be reached.
        CareTeamUnavailable,
        /// Another reason, which the explanation gives.
        Other,
    }
}

text_enum! {
    /// The result of the review of an emergency access.
    pub enum EmergencyReview: "SCREAMING_SNAKE_CASE" {
        /// The access was justified.
        Approved,
        /// The access is examined further.
        IncidentOpened,
    }
}

row! {
    /// An emergency access of a clinician to a patient.
    #[derive(Debug, JsonSchema, Serialize)]
    pub struct EmergencyAccess {
        /// The id of the emergency access, a UUID.
        pub id: EmergencyAccessId,
        /// The patient whom the clinician can read.
        pub patient_id: PatientId,
        /// The user who granted themself the access.
        pub member_id: UserId,
        /// The reason for the access.
        pub reason: EmergencyReason,
        /// The explanation in words. The patient can read it.
        pub explanation: String,
        /// The time at which the access began (RFC 3339, UTC).
        pub granted_at: Timestamp,
        /// The time at which the access ends by itself (RFC 3339, UTC), at most four hours after it began.
        pub ends_at: Timestamp,
        /// Whether the access has neither ended nor been revoked.
        pub is_in_force: bool,
        /// The time at which the access was revoked before its end (RFC 3339, UTC). Null if it was not.
        pub revoked_at: Option<Timestamp>,
        /// The user who revoked the access. Null if it was not revoked.
        pub revoked_by: Option<UserId>,
        /// The time by which a compliance officer must review the access (RFC 3339, UTC).
        pub review_due_at: Timestamp,
        /// The result of the review. Null if there was none yet.
        pub review: Option<EmergencyReview>,
        /// The explanation of the review. Null if there is none, and for everybody but compliance officers.
        pub review_note: Option<String>,
        /// The time of the review (RFC 3339, UTC). Null if there was none yet.
        pub reviewed_at: Option<Timestamp>,
        /// The compliance officer who reviewed the access. Null if there was no review yet.
        pub reviewed_by: Option<UserId>,
    }
}

impl Content for EmergencyAccess {
    fn patients(&self) -> Vec<PatientId> {
        vec![self.patient_id]
    }
}

/// A `select` statement for an [`EmergencyAccess`]. The arguments are appended to it, for example a `where` clause.
#[macro_export]
macro_rules! select_emergency_access {
    ($($rest:literal),+ $(,)?) => {
        concat!(
            "select id, patient_id, member_id, reason::text as reason, explanation, granted_at, ends_at,
               revoked_at is null and ends_at > now() as is_in_force, revoked_at, revoked_by, review_due_at,
               review::text as review,
               case when reach('emergency-access:read') = 'ALL' then review_note end as review_note,
               reviewed_at, reviewed_by
             from emergency_accesses ",
            $($rest),+
        )
    };
}

row! {
    /// The least that identifies a patient.
    #[derive(Debug, JsonSchema, Serialize)]
    pub struct IdentifiedPatient {
        /// The id of the patient, a UUID.
        pub id: PatientId,
        /// The given name of the patient. Null if the patient has only a family name.
        pub first_name: Option<String>,
        /// The family name of the patient.
        pub last_name: Option<String>,
        /// The date of birth: a day, a month or a year.
        pub date_of_birth: BirthDate,
        /// The medical record number of the patient.
        pub patient_number: String,
    }
}

/// The result of a search for one patient.
#[derive(Debug, JsonSchema, Serialize)]
pub struct EmergencyPatient {
    /// The patient. Null if no patient or more than one has this name and date of birth.
    pub patient: Option<IdentifiedPatient>,
}

impl Content for EmergencyPatient {
    fn patients(&self) -> Vec<PatientId> {
        self.patient.iter().map(|patient| patient.id).collect()
    }
}

/// The constraint that a clinician violates whose licence isn't verified.
pub const LICENSED: &str = "emergency_accesses_licensed";

/// The error for a clinician whose licence isn't verified.
pub fn not_licensed() -> Error {
    Error::Forbidden(
        "Emergency access requires a verified licence. Ask an administrator to verify it.",
    )
}

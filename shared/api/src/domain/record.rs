//! Medical records (seed A table 5; seed B's record types and release control).

use crate::sql::Jsonb;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::custom_data::CustomData;
use super::text::Text;
use crate::errors::Error;
use crate::ids::{AppointmentId, PatientId, ProviderId, RecordId, UserId};
use crate::reply::Content;
use crate::row;
use crate::sql::text_enum;
use crate::time::Timestamp;

text_enum! {
    /// What kind of entry it is; its content's shape follows.
    pub enum RecordType: "SCREAMING_SNAKE_CASE" {
        /// A condition.
        Diagnosis,
        /// A procedure.
        Treatment,
        /// A summary in words.
        Summary,
        /// A measurement or a report of several.
        LabResult,
        /// A medicine ordered.
        Prescription,
        /// An imaging study.
        Imaging,
        /// A note in words.
        Note,
        /// A vaccine given.
        Immunization,
        /// A plan of care.
        CarePlan,
    }
}

text_enum! {
    /// What a hold may rest on (45 CFR 171 subpart B).
    pub enum HoldReason: "snake_case" {
        /// The patient asked for it.
        PatientRequest,
        /// Seeing it would do harm.
        HarmPrevention,
        /// Another's privacy.
        Privacy,
        /// A law or a court forbids it.
        Law,
    }
}

/// A hold as asked for.
#[derive(Clone, Debug, JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewHold {
    /// On what it rests.
    pub reason: HoldReason,
    /// When it ends by itself; within a year.
    pub expires_at: Timestamp,
    /// Why in this case; never the patient's to read.
    pub note: Option<Text<1000>>,
}

/// A hold's reason, end and note as a statement takes them.
pub type HoldParts = (Option<HoldReason>, Option<Timestamp>, Option<Text<1000>>);

impl NewHold {
    /// Its parts; all none without a hold.
    pub fn parts(hold: Option<Self>) -> HoldParts {
        hold.map_or((None, None, None), |hold| {
            (Some(hold.reason), Some(hold.expires_at), hold.note)
        })
    }

    /// What `record_releases_expiry_range` means to the client.
    pub fn out_of_range() -> Error {
        Error::invalid("hold.expires_at", "expected a time within a year from now")
    }
}

/// The hold that was laid last, in force or passed.
#[derive(Clone, Debug, JsonSchema, Serialize, Deserialize)]
pub struct Hold {
    /// On what it rests.
    pub reason: HoldReason,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// Why in this case.
    pub note: Option<String>,
    /// Who laid it.
    pub held_by: UserId,
    /// When.
    pub held_at: Timestamp,
}

row! {
    /// An entry of a patient's chart as answered.
    #[derive(Debug, JsonSchema, Serialize)]
    pub struct MedicalRecord {
        /// The entry.
        pub id: RecordId,
        /// Whose.
        pub patient_id: PatientId,
        /// By whom.
        pub provider_id: ProviderId,
        /// In which visit; none for an unsolicited result.
        pub appointment_id: Option<AppointmentId>,
        /// Of which kind.
        pub record_type: RecordType,
        /// What, in the shape of its kind.
        #[schemars(with = "super::content::RecordContent")]
        pub content: Jsonb<Value>,
        /// Seed A's plain words.
        pub diagnosis: Option<String>,
        /// Seed A's plain words.
        pub treatment: Option<String>,
        /// Seed A's plain words.
        pub notes: Option<String>,
        /// Whether the patient may see it now.
        pub is_patient_visible: bool,
        /// From when the patient may see it.
        pub release_date: Timestamp,
        /// The hold it is or was last under, until it is released; none for the patient.
        pub hold: Option<Jsonb<Hold>>,
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
    }
}

impl Content for MedicalRecord {
    fn patients(&self) -> Vec<PatientId> {
        vec![self.patient_id]
    }

    fn version(&self) -> Option<i32> {
        Some(self.version)
    }
}

row! {
    /// An entry as it was once, or is.
    #[derive(Debug, JsonSchema, Serialize)]
    pub struct RecordVersion {
        /// The entry.
        pub record_id: RecordId,
        /// Which of its versions.
        pub version: i32,
        /// Whose.
        pub patient_id: PatientId,
        /// Of which kind.
        pub record_type: RecordType,
        /// What, in the shape of its kind.
        pub content: Jsonb<Value>,
        /// Seed A's plain words.
        pub diagnosis: Option<String>,
        /// Seed A's plain words.
        pub treatment: Option<String>,
        /// Seed A's plain words.
        pub notes: Option<String>,
        /// From when the patient may see it.
        pub release_date: Timestamp,
        /// The clinic's own fields.
        pub custom_data: Option<CustomData>,
        /// The version of the registered schema that they satisfied.
        pub custom_data_version: Option<i32>,
        /// Whether it was deleted.
        pub is_archived: bool,
        /// When it was written.
        pub written_at: Timestamp,
        /// By whom; none where no person acted.
        pub written_by: Option<UserId>,
        /// Why it replaced the one before; none for the first.
        pub change_reason: Option<String>,
    }
}

impl Content for RecordVersion {
    fn patients(&self) -> Vec<PatientId> {
        vec![self.patient_id]
    }
}

/// `select …` of a [`MedicalRecord`]; goes on with `where` or the like.
#[macro_export]
macro_rules! select_record {
    ($($rest:expr),+ $(,)?) => {
        concat!(
            "select id, patient_id, provider_id, appointment_id, record_type::text, content, diagnosis,
               treatment, notes, is_patient_visible or release_date <= now() as is_patient_visible,
               release_date,
               case when not is_patient_visible then (
                 select jsonb_build_object('reason', l.hold_reason, 'expires_at', l.expires_at,
                   'note', l.note, 'held_by', l.decided_by, 'held_at', l.decided_at)
                 from record_releases l
                 where l.record_id = medical_records.id and l.patient_id = medical_records.patient_id
                   and l.hold_reason is not null
                 order by l.decided_at desc limit 1
               ) end as hold,
               external_id, custom_data, custom_data_version, created_at, updated_at, is_archived, version
             from medical_records ",
            $($rest),+
        )
    };
}

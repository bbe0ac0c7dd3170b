//! Medical records (seed A table 5; seed B's record types and release control).

use crate::sql::Jsonb;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::ids::{AppointmentId, PatientId, ProviderId, RecordId};
use crate::reply::Content;
use crate::row;
use crate::sql::text_enum;

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
        /// Whether the patient may see it once released.
        pub is_patient_visible: bool,
        /// From when the patient may see it.
        pub release_date: Timestamp,
        /// Its identifier in the system it came from.
        pub external_id: Option<String>,
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

/// `select …` of a [`MedicalRecord`]; goes on with `where` or the like.
#[macro_export]
macro_rules! select_record {
    ($($rest:literal),+ $(,)?) => {
        concat!(
            "select id, patient_id, provider_id, appointment_id, record_type::text, content, diagnosis,
               treatment, notes, is_patient_visible, release_date, external_id, created_at, updated_at,
               is_archived, version
             from medical_records ",
            $($rest),+
        )
    };
}

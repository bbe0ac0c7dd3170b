//! Medical records, their versions, and the holds that withhold them from their patients.

use crate::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sql::Jsonb;

pub use super::content::RecordType;
use super::custom_data::CustomData;
use super::text::Text;
use crate::amendment::AmendmentLink;
use crate::disclosure::Content;
use crate::ids::{AppointmentId, PatientId, ProviderId, RecordId, UserId};
use errors::Error;
use sql::row;
use sql::text_enum;

text_enum! {
    /// The legal ground for withholding a medical record from its patient (45 CFR 171 subpart B).
    pub enum HoldReason: "snake_case" {
        /// The patient asked for the delay (45 CFR 171.202(e)).
        PatientRequest,
        /// Reading the record could cause harm (45 CFR 171.201).
        HarmPrevention,
        /// The record would reveal another person's private information (45 CFR 171.202).
        Privacy,
        /// A law or a court order forbids the disclosure.
        Law,
    }
}

/// A hold: the decision to withhold a medical record from its patient for a limited time.
#[derive(Clone, Debug, JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewHold {
    /// The legal ground for withholding the record.
    pub reason: HoldReason,
    /// The time at which the hold ends (RFC 3339, UTC): after now and within 366 days.
    pub expires_at: Timestamp,
    /// The reasons in this particular case. The patient can't read them.
    pub note: Option<Text<1000>>,
}

text_enum! {
    /// The legal ground for keeping a medical record from the patient's representatives (45 CFR 164.502(g)(3), (5)).
    pub enum ShieldReason: "snake_case" {
        /// The minor consented to the care, and state law requires no other consent.
        MinorConsent,
        /// The minor may obtain the care without a parent's consent, and a court or another authorised person consented.
        Court,
        /// The parent agreed that the minor and the clinician keep the care confidential.
        ParentAgreed,
        /// A law forbids the disclosure to the representative.
        Law,
        /// The representative may have abused or neglected the patient, or the disclosure could endanger them.
        Endangerment,
    }
}

/// A shield: the decision to keep a medical record from the patient's representatives. The patient still reads it.
#[derive(Clone, Debug, JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewShield {
    /// The legal ground for keeping the record from representatives.
    pub reason: ShieldReason,
    /// The reasons in this particular case. Neither the patient nor a representative can read them.
    pub note: Option<Text<1000>>,
}

impl NewShield {
    /// Returns the reason and the note of the shield, or two times none if there is no shield.
    pub fn parts(shield: Option<Self>) -> (Option<ShieldReason>, Option<Text<1000>>) {
        shield.map_or((None, None), |shield| (Some(shield.reason), shield.note))
    }
}

/// The latest shield: a decision to keep a medical record from the patient's representatives.
#[derive(Clone, Debug, JsonSchema, Serialize, Deserialize)]
pub struct Shield {
    /// The legal ground for keeping the record from representatives.
    pub reason: ShieldReason,
    /// The reasons in this particular case. Null if none were given.
    pub note: Option<String>,
    /// The user who decided to keep the record from representatives.
    pub shielded_by: UserId,
    /// The time of the decision (RFC 3339, UTC).
    pub shielded_at: Timestamp,
}

/// The reason, end and note of a hold as parameters of a statement.
pub type HoldParts = (Option<HoldReason>, Option<Timestamp>, Option<Text<1000>>);

impl NewHold {
    /// Returns the reason, end and note of the hold, or three times none if there is no hold.
    pub fn parts(hold: Option<Self>) -> HoldParts {
        hold.map_or((None, None, None), |hold| {
            (Some(hold.reason), Some(hold.expires_at), hold.note)
        })
    }

    /// The error for a violation of the constraint `record_releases_expiry_range`.
    pub fn out_of_range() -> Error {
        Error::invalid(
            "hold.expires_at",
            "expected a time within 366 days from now",
        )
    }
}

/// The latest hold: a decision to withhold a medical record from its patient. It may have ended
/// already.
#[derive(Clone, Debug, JsonSchema, Serialize, Deserialize)]
pub struct Hold {
    /// The legal ground for withholding the record.
    pub reason: HoldReason,
    /// The time at which the hold ends (RFC 3339, UTC). The patient can then read the record.
    pub expires_at: Timestamp,
    /// The reasons in this particular case. Null if none were given.
    pub note: Option<String>,
    /// The user who decided to withhold the record.
    pub held_by: UserId,
    /// The time of the decision (RFC 3339, UTC).
    pub held_at: Timestamp,
}

row! {
    /// A medical record: one entry in a patient's chart.
    #[derive(Debug, JsonSchema, Serialize)]
    pub struct MedicalRecord {
        /// The id of the medical record, a UUID.
        pub id: RecordId,
        /// The patient whom the record is about.
        pub patient_id: PatientId,
        /// The provider who wrote the record. Null if a user wrote it who is not registered as a provider,
        /// such as a nurse.
        pub provider_id: Option<ProviderId>,
        /// The appointment that the record results from. Null if there was none, for example for an
        /// unsolicited laboratory result.
        pub appointment_id: Option<AppointmentId>,
        /// The type of the record, for example `DIAGNOSIS`.
        pub record_type: RecordType,
        /// The structured clinical content. The record type determines its structure.
        #[schemars(with = "super::content::RecordContent")]
        pub content: Jsonb<Value>,
        /// The diagnosis as free text, in addition to `content`. Null if none was written.
        pub diagnosis: Option<String>,
        /// The treatment as free text, in addition to `content`. Null if none was written.
        pub treatment: Option<String>,
        /// Further notes as free text, in addition to `content`. Null if none were written.
        pub notes: Option<String>,
        /// Whether the patient can read the record now.
        pub is_patient_visible: bool,
        /// The time from which the patient can read the record (RFC 3339, UTC). It is in the future while the record is
        /// withheld. If it is in the past and later than `created_at`, the record was withheld until then.
        pub release_date: Timestamp,
        /// The latest hold, which withholds or withheld the record from the patient. Null for the
        /// patient, and null if the record was never withheld or has been released since.
        pub hold: Option<Jsonb<Hold>>,
        /// Whether the record and its files are kept from the patient's representatives. The patient can read it.
        pub is_shielded: bool,
        /// The shield, which keeps the record from the patient's representatives. Null for the patient, and null if
        /// `is_shielded` is false.
        pub shield: Option<Jsonb<Shield>>,
        /// The system that the record was imported from, a URI. Null if it was not imported.
        pub source_system: Option<String>,
        /// The identifier of the record in the system it was imported from. Null if it was not
        /// imported.
        pub external_id: Option<String>,
        /// Additional fields that the clinic defines, valid against the JSON Schema registered for
        /// `medical_records`. Null if there are none.
        pub custom_data: Option<CustomData>,
        /// The version of the JSON Schema that `custom_data` satisfies. Null if `custom_data` is
        /// null.
        #[schemars(range(min = 1))]
        pub custom_data_version: Option<i32>,
        /// The time at which the record was created (RFC 3339, UTC).
        pub created_at: Timestamp,
        /// The time of the last change of the record (RFC 3339, UTC).
        pub updated_at: Timestamp,
        /// The newest 20 amendments of the record that the caller can read, the newest first.
        /// `GET /v1/amendments?record_id=…` lists all. An answer with amendments has no `ETag`, because they change while the
        /// record stays as it is.
        pub amendments: Jsonb<Vec<AmendmentLink>>,
        /// Whether the record is archived. `DELETE` archives a record and never erases it.
        pub is_archived: bool,
        /// The version number of the record: it starts at 1 and grows by 1 with each change. The
        /// `ETag` header carries it too.
        #[schemars(range(min = 1))]
        pub version: i32,
    }
}

impl Content for MedicalRecord {
    fn patients(&self) -> Vec<PatientId> {
        vec![self.patient_id]
    }

    fn version(&self) -> Option<i32> {
        self.amendments.0.is_empty().then_some(self.version)
    }
}

row! {
    /// One version of a medical record, current or former.
    #[derive(Debug, JsonSchema, Serialize)]
    pub struct RecordVersion {
        /// The id of the medical record.
        pub record_id: RecordId,
        /// The number of this version. The first one has number 1.
        #[schemars(range(min = 1))]
        pub version: i32,
        /// The patient whom the record is about.
        pub patient_id: PatientId,
        /// The type of the record, for example `DIAGNOSIS`.
        pub record_type: RecordType,
        /// The structured clinical content of this version. The record type determines its
        /// structure.
        #[schemars(with = "super::content::RecordContent")]
        pub content: Jsonb<Value>,
        /// The diagnosis as free text, in addition to `content`. Null if none was written.
        pub diagnosis: Option<String>,
        /// The treatment as free text, in addition to `content`. Null if none was written.
        pub treatment: Option<String>,
        /// Further notes as free text, in addition to `content`. Null if none were written.
        pub notes: Option<String>,
        /// The time from which the patient could read the record, as this version states it (RFC
        /// 3339, UTC).
        pub release_date: Timestamp,
        /// Additional fields that the clinic defines, as this version has them. Null if there are
        /// none.
        pub custom_data: Option<CustomData>,
        /// The version of the JSON Schema that `custom_data` satisfies. Null if `custom_data` is
        /// null.
        #[schemars(range(min = 1))]
        pub custom_data_version: Option<i32>,
        /// Whether the record was archived in this version.
        pub is_archived: bool,
        /// The time at which this version was written (RFC 3339, UTC).
        pub written_at: Timestamp,
        /// The user who wrote this version. Null if no user wrote it.
        pub written_by: Option<UserId>,
        /// The reason why this version replaced the one before. Null for the first version.
        pub change_reason: Option<String>,
    }
}

impl Content for RecordVersion {
    fn patients(&self) -> Vec<PatientId> {
        vec![self.patient_id]
    }
}

/// A `select` statement for a [`MedicalRecord`]. The arguments are appended to it, for example a
/// `where` clause.
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
               is_shielded,
               case when is_shielded then (
                 select jsonb_build_object('reason', s.reason, 'note', s.note, 'shielded_by', s.decided_by,
                   'shielded_at', s.decided_at)
                 from record_shields s
                 where s.record_id = medical_records.id and s.patient_id = medical_records.patient_id
                   and s.reason is not null
                 order by s.decided_at desc limit 1
               ) end as shield,
               source_system, external_id, custom_data, custom_data_version, created_at, updated_at, is_archived, version, ",
            $crate::amendment_links!("a.record_id = medical_records.id"),
            " from medical_records ",
            $($rest),+
        )
    };
}

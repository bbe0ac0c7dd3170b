//! The body of a request to add a medical record.

use api::prelude::*;
use domain::content::RecordContent;
use domain::custom_data::CustomData;
use domain::record::{NewHold, NewShield, RecordType};
use domain::text::{Identifier, Text};
use serde_json::Value;

/// A new medical record, which the caller writes or imports.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRecord {
    /// The patient whom the record is about.
    pub patient_id: PatientId,
    /// The provider who wrote the record. Null if the caller wrote it. Only an importer can name another provider, and
    /// only one from the same source system.
    pub provider_id: Option<ProviderId>,
    /// The appointment that the record results from. Null if there was none, for example for an
    /// unsolicited laboratory result.
    pub appointment_id: Option<AppointmentId>,
    /// The type of the record, for example `DIAGNOSIS`.
    pub record_type: RecordType,
    /// The structured clinical content. The record type determines its structure.
    #[schemars(with = "RecordContent")]
    pub content: Value,
    /// The diagnosis as free text, in addition to `content`. Null if there is none.
    pub diagnosis: Option<Text<10000>>,
    /// The treatment as free text, in addition to `content`. Null if there is none.
    pub treatment: Option<Text<10000>>,
    /// Further notes as free text, in addition to `content`. Null if there are none.
    pub notes: Option<Text<10000>>,
    /// The hold that withholds the record from the patient. Null if there is none: the patient can then read
    /// the record at once (21st Century Cures Act).
    pub hold: Option<NewHold>,
    /// The shield that keeps the record from the patient's representatives. Null if there is none.
    pub shield: Option<NewShield>,
    /// The system that the record is imported from, a URI such as `https://hospital.example/visits`. Null if
    /// it is not imported.
    pub source_system: Option<Identifier<255>>,
    /// The identifier of the record in that system, which is unique there. Only a role with the permission
    /// `external-ids:write` can set it. Null if the record is not imported.
    pub external_id: Option<Identifier<255>>,
    /// Additional fields that the clinic defines, valid against the JSON Schema registered for
    /// `medical_records`. Null if there are none.
    pub custom_data: Option<CustomData>,
}

impl Check for NewRecord {
    fn check(&self, sound: &Sound<'_>) -> Result<(), Error> {
        match sound.are(&["record_type"]) {
            true => RecordContent::parse(self.record_type, &self.content).map(drop),
            false => Ok(()),
        }
    }
}

//! `POST /v1/medical-records`: adds a medical record to a patient's chart.

use api::prelude::*;
use domain::content::RecordContent;
use domain::custom_data::{CustomData, CustomDataTable};
use domain::external_id::{EXTERNAL_ID_TAKEN, external_id_rule, with_its_system};
use domain::record::{MedicalRecord, NewHold, RecordType};
use domain::select_record;
use domain::text::{Identifier, Text};
use serde_json::Value;
use sql::Jsonb;

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/medical-records")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Adds a medical record to a patient's chart")
    .needs("records:write")
    .recorded_as(Action::Create, ResourceType::MedicalRecord)
    .conflicts(&[&[EXTERNAL_ID_TAKEN]])
    .idempotent(READ);

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

// The join makes PostgreSQL insert the hold before the record, so that the record's trigger finds it.
const CREATE: &str = "
    with hold as (
      insert into record_releases (id, record_id, patient_id, hold_reason, expires_at, note)
      select $1, $2, $3, $4::text::hold_reason, $5, $6 where $4::text is not null
      returning record_id
    )
    insert into medical_records
      (id, patient_id, provider_id, appointment_id, record_type, content, diagnosis, treatment, notes,
       source_system, external_id, custom_data, custom_data_version)
    select $2, $3, coalesce($17, actor_provider()), $7, $8::text::record_type, $9, $10, $11, $12, $13, $14, $15, $16
    from patients left join hold on hold.record_id = $2
    where id = $3 and not is_archived and adds_records(id)
      and writes_from('records:write', $17, $13)";
const READ: &str = select_record!(
    "where id = $1 and not is_archived and reaches('records:read', patient_id, source_system)"
);

/// Adds the medical record.
pub async fn handle(
    call: Call,
    CheckedBody(new): CheckedBody<NewRecord>,
) -> Reply<Created<MedicalRecord>> {
    with_its_system(new.source_system.as_ref(), new.external_id.as_ref())?;
    let content = RecordContent::parse(new.record_type, &new.content)?;
    let (reason, expires_at, note) = NewHold::parts(new.hold);
    let id = RecordId::generate();
    let mut access = call.authorize(InChart {
        resource: id,
        patient: new.patient_id,
    });
    let custom = custom_data::accept(
        &mut access,
        CustomDataTable::MedicalRecords,
        new.custom_data,
    )
    .await?;
    let record: MedicalRecord = access
        .write_then_read(
            sql(
                CREATE,
                &[
                    &ReleaseId::generate(),
                    &id,
                    &new.patient_id,
                    &reason,
                    &expires_at,
                    &note,
                    &new.appointment_id,
                    &new.record_type,
                    &Jsonb(content),
                    &new.diagnosis,
                    &new.treatment,
                    &new.notes,
                    &new.source_system,
                    &new.external_id,
                    &custom.data,
                    &custom.version,
                    &new.provider_id,
                ],
            ),
            sql(READ, &[&id]),
        )
        .await
        .on_constraints(external_id_rule)
        .on_constraint(
            "medical_records_appointment_of_patient",
            Error::invalid("appointment_id", "expected an appointment of this patient"),
        )
        .on_constraint("record_releases_expiry_range", NewHold::out_of_range())?
        .row;
    access
        .commit(Created {
            location: format!("/v1/medical-records/{id}"),
            body: record,
        })
        .await
}

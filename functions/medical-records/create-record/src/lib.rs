//! `POST /v1/medical-records`: a provider adds an entry to the chart of a patient in her care.

use api::prelude::*;
use domain::content::RecordContent;
use domain::custom_data::{CustomData, CustomDataTable};
use domain::record::{MedicalRecord, NewHold, RecordType};
use domain::select_record;
use domain::text::Text;
use serde_json::Value;
use sql::Jsonb;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint::post("/v1/medical-records")
    .named(env!("CARGO_PKG_NAME"))
    .summary("A provider adds an entry to the chart of a patient in her care")
    .needs("records:write")
    .recorded_as(Action::Create, ResourceType::MedicalRecord)
    .conflicts(&[&[EXTERNAL_ID_TAKEN]])
    .idempotent();

const EXTERNAL_ID_TAKEN: &str = "Another resource already has this external_id.";

/// The body.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRecord {
    /// Whose chart.
    pub patient_id: PatientId,
    /// In which visit; none for an unsolicited result.
    pub appointment_id: Option<AppointmentId>,
    /// Of which kind.
    pub record_type: RecordType,
    /// What, in the shape of its kind.
    #[schemars(with = "RecordContent")]
    pub content: Value,
    /// In plain words.
    pub diagnosis: Option<Text<10000>>,
    /// In plain words.
    pub treatment: Option<Text<10000>>,
    /// In plain words.
    pub notes: Option<Text<10000>>,
    /// Why the patient may not see it yet; without one she may at once (21st Century Cures Act).
    pub hold: Option<NewHold>,
    /// Its identifier in the system it came from.
    pub external_id: Option<Text<255>>,
    /// The clinic's own fields, as its registered schema has them.
    pub custom_data: Option<CustomData>,
}

// The hold is read before the entry is written: the entry's trigger finds it.
const CREATE: &str = "
    with hold as (
      insert into record_releases (id, record_id, patient_id, hold_reason, expires_at, note)
      select $10, $1, $2, $11::text::hold_reason, $12, $13 where $11::text is not null
      returning record_id
    )
    insert into medical_records
      (id, patient_id, provider_id, appointment_id, record_type, content, diagnosis, treatment, notes, external_id,
       custom_data, custom_data_version)
    select $1, $2, actor_provider(), $3, $4::text::record_type, $5, $6, $7, $8, $9, $14, $15
    from patients left join hold on hold.record_id = $1
    where id = $2 and not is_archived and reaches('records:write', id)";
const READ: &str = select_record!("where id = $1");

/// Adds the entry.
pub async fn handle(call: Call, Body(new): Body<NewRecord>) -> Reply<Created<MedicalRecord>> {
    let content = RecordContent::parse(new.record_type, new.content)?;
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
                    &id,
                    &new.patient_id,
                    &new.appointment_id,
                    &new.record_type,
                    &Jsonb(content),
                    &new.diagnosis,
                    &new.treatment,
                    &new.notes,
                    &new.external_id,
                    &ReleaseId::generate(),
                    &reason,
                    &expires_at,
                    &note,
                    &custom.data,
                    &custom.version,
                ],
            ),
            sql(READ, &[&id]),
        )
        .await
        .on_constraint(
            "medical_records_external_id_key",
            Error::AlreadyExists(EXTERNAL_ID_TAKEN),
        )
        .on_constraint(
            "medical_records_appointment_of_patient",
            Error::invalid("appointment_id", "expected a visit of this patient"),
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

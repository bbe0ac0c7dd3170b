//! `POST /v1/medical-records`: adds a medical record to a patient's chart.

mod new_record;

use api::prelude::*;
use domain::content::RecordContent;
use domain::custom_data::CustomDataTable;
use domain::external_id::{EXTERNAL_ID_TAKEN, external_id_rule, with_its_system};
use domain::record::{MedicalRecord, NewHold, NewShield};
use domain::select_record;
pub use new_record::NewRecord;
use sql::Jsonb;

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/medical-records")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Adds a medical record to a patient's chart")
    .needs("records:write")
    .recorded_as(Action::Create, ResourceType::MedicalRecord)
    .conflicts(&[&[EXTERNAL_ID_TAKEN]])
    .idempotent(READ);

// The joins make PostgreSQL insert the hold and the shield before the record, so that the record's triggers find them.
const CREATE: &str = "
    with hold as (
      insert into record_releases (id, record_id, patient_id, hold_reason, expires_at, note)
      select $1, $2, $3, $4::text::hold_reason, $5, $6 where $4::text is not null
      returning record_id
    ), shield as (
      insert into record_shields (id, record_id, patient_id, reason, note)
      select $18, $2, $3, $19::text::shield_reason, $20 where $19::text is not null
      returning record_id
    )
    insert into medical_records
      (id, patient_id, provider_id, appointment_id, record_type, content, diagnosis, treatment, notes,
       source_system, external_id, custom_data, custom_data_version)
    select $2, $3, coalesce($17, actor_provider()), $7, $8::text::record_type, $9, $10, $11, $12, $13, $14, $15, $16
    from patients left join hold on hold.record_id = $2 left join shield on shield.record_id = $2
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
    let (shield_reason, shield_note) = NewShield::parts(new.shield);
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
                    &ShieldId::generate(),
                    &shield_reason,
                    &shield_note,
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

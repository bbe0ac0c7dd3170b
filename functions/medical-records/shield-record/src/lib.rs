//! `PUT /v1/medical-records/{id}/shield`: keeps a medical record from the patient's representatives, or shows it to them again.

use api::prelude::*;
use domain::record::{MedicalRecord, NewShield};
use domain::select_record;

pub const ENDPOINT: Endpoint = Endpoint::put("/v1/medical-records/{id}/shield")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Keeps a medical record from the patient's representatives, or shows it to them again")
    .needs("records:write")
    .recorded_as(Action::Update, ResourceType::MedicalRecord);

/// The decision to keep a medical record and its files from the patient's representatives.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// The shield that keeps the record from representatives. The patient still reads the record. Null shows it to
    /// representatives again. The field is required.
    #[serde(deserialize_with = "Option::deserialize")]
    pub shield: Option<NewShield>,
}

const CURRENT: &str = "
    select version from medical_records
    where id = $1 and not is_archived and reaches('records:write', patient_id, source_system)
    for update";
// A record without a shield needs no decision to end it. A trigger applies the decision to the record.
const DECIDE: &str = "
    insert into record_shields (id, record_id, patient_id, reason, note)
    select $1, id, patient_id, $2::text::shield_reason, $3 from medical_records
    where id = $4 and ($2::text is not null or is_shielded)";
const READ: &str = select_record!("where id = $1");

/// Records the decision and applies it.
pub async fn handle(
    call: Call,
    Path(id): Path<RecordId>,
    Body(decision): Body<Decision>,
    if_match: IfMatch,
) -> Reply<Json<MedicalRecord>> {
    let (reason, note) = NewShield::parts(decision.shield);
    let mut access = call.authorize(id);
    access.add_note(
        "decision",
        if reason.is_some() {
            "shield"
        } else {
            "unshield"
        },
    );
    access.check(if_match, sql(CURRENT, &[&id])).await?;
    let decided = ShieldId::generate();
    let record: MedicalRecord = access
        .write_then_read(
            sql(DECIDE, &[&decided, &reason, &note, &id]),
            sql(READ, &[&id]),
        )
        .await?
        .row;
    access.commit(Json(record)).await
}

//! `PUT /v1/medical-records/{id}/release`: withholds a medical record from its patient, or releases it.

use api::prelude::*;
use domain::record::{MedicalRecord, NewHold};
use domain::select_record;

pub const ENDPOINT: Endpoint = Endpoint::put("/v1/medical-records/{id}/release")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Withholds a medical record from its patient, or releases it")
    .needs("records:write")
    .recorded_as(Action::Update, ResourceType::MedicalRecord);

/// The decision to withhold a medical record from its patient or to release it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// The hold that withholds the record from the patient. Null releases the record. The field is
    /// required.
    #[serde(deserialize_with = "Option::deserialize")]
    pub hold: Option<NewHold>,
}

const CURRENT: &str = "
    select version from medical_records
    where id = $1 and not is_archived and reaches('records:write', patient_id, source_system)
    for update";
// A record without a hold needs no release. A trigger applies the decision to the record.
const DECIDE: &str = "
    insert into record_releases (id, record_id, patient_id, hold_reason, expires_at, note)
    select $1, id, patient_id, $2::text::hold_reason, $3, $4 from medical_records
    where id = $5 and ($2::text is not null or not is_patient_visible)";
const READ: &str = select_record!("where id = $1");

/// Records the decision and applies it. Errors: the hold ends in the past or after more than a year.
pub async fn handle(
    call: Call,
    Path(id): Path<RecordId>,
    Body(release): Body<Release>,
    if_match: IfMatch,
) -> Reply<Json<MedicalRecord>> {
    let (reason, expires_at, note) = NewHold::parts(release.hold);
    let mut access = call.authorize(id);
    access.add_note(
        "decision",
        if reason.is_some() { "hold" } else { "release" },
    );
    access.check(if_match, sql(CURRENT, &[&id])).await?;
    let decision = ReleaseId::generate();
    let record: MedicalRecord = access
        .write_then_read(
            sql(DECIDE, &[&decision, &reason, &expires_at, &note, &id]),
            sql(READ, &[&id]),
        )
        .await
        .on_constraint("record_releases_expiry_range", NewHold::out_of_range())?
        .row;
    access.commit(Json(record)).await
}

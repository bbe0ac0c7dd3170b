//! `PUT /v1/medical-records/{id}/release`: holds an entry back from its patient, or releases it.

use api::prelude::*;
use domain::record::{MedicalRecord, NewHold};
use domain::select_record;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint::put("/v1/medical-records/{id}/release")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Holds an entry back from its patient, or releases it")
    .needs("records:write")
    .recorded_as(Action::Update, ResourceType::MedicalRecord);

/// The body.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// Why the patient may not see it yet; null to release it. Never left out.
    #[serde(deserialize_with = "Option::deserialize")]
    pub hold: Option<NewHold>,
}

const CURRENT: &str = "
    select version from medical_records
    where id = $1 and not is_archived and reaches('records:write', patient_id)
    for update";
// What is under no hold needs no release. The entry follows by trigger.
const DECIDE: &str = "
    insert into record_releases (id, record_id, patient_id, hold_reason, expires_at, note)
    select $2, id, patient_id, $3::text::hold_reason, $4, $5 from medical_records
    where id = $1 and ($3::text is not null or not is_patient_visible)";
const READ: &str = select_record!("where id = $1");

/// Answers the entry as it is now for the patient.
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
            sql(DECIDE, &[&id, &decision, &reason, &expires_at, &note]),
            sql(READ, &[&id]),
        )
        .await
        .on_constraint("record_releases_expiry_range", NewHold::out_of_range())?
        .row;
    access.commit(Json(record)).await
}

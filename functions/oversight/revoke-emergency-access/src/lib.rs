//! `POST /v1/emergency-access/{id}/revoke`: ends an emergency access before its time.

use api::prelude::*;
use domain::emergency::EmergencyAccess;
use domain::select_emergency_access;

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/emergency-access/{id}/revoke")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Ends an emergency access before its time")
    .needs("emergency-access:revoke")
    .recorded_as(Action::Update, ResourceType::EmergencyAccess)
    .conflicts(&[&[ENDED]])
    .idempotent(READ);

const ENDED: &str = "The emergency access has ended already.";

// A trigger signs the revocation.
const REVOKE: &str = "
    update emergency_accesses set revoked_at = now()
    where id = $1 and revoked_at is null and ends_at > now()
      and (reach('emergency-access:revoke') = 'ALL' or member_id = actor_user())";
const READ: &str = select_emergency_access!(
    "where id = $1 and (reach('emergency-access:revoke') = 'ALL' or member_id = actor_user())"
);

/// The clinician reaches the patient no longer from their next request on. Errors: the access has ended already.
pub async fn handle(call: Call, Path(id): Path<EmergencyAccessId>) -> Reply<Json<EmergencyAccess>> {
    let mut access = call.authorize(id);
    let Written {
        row: ended,
        is_changed,
    }: Written<EmergencyAccess> = access
        .write_then_read(sql(REVOKE, &[&id]), sql(READ, &[&id]))
        .await?;
    if !is_changed {
        return Err(Error::Conflict(ENDED));
    }
    access.commit(Json(ended)).await
}

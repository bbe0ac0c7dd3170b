//! `POST /v1/representatives/{id}/confirm`: confirms a representation that another person entered.

use api::prelude::*;
use domain::representative::{Representative, SETTLED, representative_rule};
use domain::select_representative;

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/representatives/{id}/confirm")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Confirms a representation that another person entered")
    .needs("representatives:write")
    .recorded_as(Action::Update, ResourceType::Representative)
    .conflicts(&[&[SETTLED]])
    .idempotent(READ);

// A trigger signs the confirmation.
const CONFIRM: &str = "
    update representatives set confirmed_at = now()
    where id = $1 and confirmed_at is null and reach('representatives:write') = 'ALL'";
const READ: &str =
    select_representative!("where r.id = $1 and reach('representatives:write') = 'ALL'");

/// The user represents the patient from their next request on, unless it begins later. Errors: the caller entered it or is
/// the representative, or it is confirmed or over already.
pub async fn handle(call: Call, Path(id): Path<RepresentativeId>) -> Reply<Json<Representative>> {
    let mut access = call.authorize(id);
    let Written {
        row: confirmed,
        is_changed,
    }: Written<Representative> = access
        .write_then_read(sql(CONFIRM, &[&id]), sql(READ, &[&id]))
        .await
        .on_constraints(representative_rule)?;
    if !is_changed {
        return Err(Error::Conflict(SETTLED));
    }
    access.add_note("representative_user_id", confirmed.user_id.to_string());
    access.commit(Json(confirmed)).await
}

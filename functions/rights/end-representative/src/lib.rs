//! `POST /v1/representatives/{id}/end`: ends a representation at once.

use api::prelude::*;
use domain::representative::{Representative, representative_rule};
use domain::select_representative;
use domain::text::Text;

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/representatives/{id}/end")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Ends a representation at once")
    .needs("representatives:end")
    .recorded_as(Action::Update, ResourceType::Representative)
    .conflicts(&[&[ENDED]])
    .idempotent(READ);

const ENDED: &str = "The representation has ended already.";

/// The end of a representation, which can't be undone.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// The reason for which it ends. Only staff and the caller can read it. It must not contain clinical data.
    pub reason: Text<1000>,
}

// A trigger signs the end.
const END: &str = "
    update representatives set ended_at = now(), end_reason = $1
    where id = $2 and acts_until > now() and case reach('representatives:end')
      when 'ALL' then true
      when 'OWN' then patient_id = actor_patient() or user_id = actor_user()
    end";
const READ: &str = select_representative!(
    "where r.id = $1 and case reach('representatives:end')
       when 'ALL' then true
       when 'OWN' then r.patient_id = actor_patient() or r.user_id = actor_user()
     end"
);

/// The user reaches the patient no longer from their next request on. Staff end any representation, patients of age those
/// of themselves, and representatives their own. Errors: it has ended already, or the patient is a minor.
pub async fn handle(
    call: Call,
    Path(id): Path<RepresentativeId>,
    Body(End { reason }): Body<End>,
) -> Reply<Json<Representative>> {
    let mut access = call.authorize(id);
    let Written {
        row: ended,
        is_changed,
    }: Written<Representative> = access
        .write_then_read(sql(END, &[&reason, &id]), sql(READ, &[&id]))
        .await
        .on_constraints(representative_rule)?;
    if !is_changed {
        return Err(Error::Conflict(ENDED));
    }
    access.add_note("representative_user_id", ended.user_id.to_string());
    access.commit(Json(ended)).await
}

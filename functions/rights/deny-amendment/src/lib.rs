//! `POST /v1/amendments/{id}/deny`: denies a requested amendment.

use api::prelude::*;
use domain::amendment::{
    Amendment, AmendmentDenialGround, DECIDED, DECISION_CONFLICTS, amendment_rule,
};
use domain::select_amendment;
use domain::text::Text;

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/amendments/{id}/deny")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Denies a requested amendment")
    .needs("amendments:decide")
    .recorded_as(Action::Update, ResourceType::Amendment)
    .conflicts(&[DECISION_CONFLICTS])
    .idempotent(READ);

/// The denial of a requested amendment.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Denial {
    /// The ground on which the amendment is denied. The law has no other.
    pub ground: AmendmentDenialGround,
    /// The basis of the denial in plain language. The letter to the patient contains it.
    pub basis: Text<2000>,
}

// A trigger signs the decision.
const DENY: &str = "
    update amendments set status = 'DENIED', denial_ground = $1::text::amendment_denial_ground, denial_basis = $2
    where id = $3 and reaches('amendments:decide', patient_id) and shows_entry(record_id, file_id)
      and status = 'REQUESTED'";
const READ: &str = select_amendment!(
    "where a.id = $1 and reaches('amendments:decide', a.patient_id) and shows_entry(a.record_id, a.file_id)"
);

/// Denies the amendment. Errors: there is a decision, the amendment is the caller's own, or the clinic has no telephone number
/// for the letter.
pub async fn handle(
    call: Call,
    Path(id): Path<AmendmentId>,
    Body(denial): Body<Denial>,
) -> Reply<Json<Amendment>> {
    let mut access = call.authorize(id);
    access.add_note("ground", denial.ground.label());
    let Written {
        row: amendment,
        is_changed,
    }: Written<Amendment> = access
        .write_then_read(
            sql(DENY, &[&denial.ground, &denial.basis, &id]),
            sql(READ, &[&id]),
        )
        .await
        .on_constraints(amendment_rule)?;
    if !is_changed {
        return Err(Error::Conflict(DECIDED));
    }
    access.commit(Json(amendment)).await
}

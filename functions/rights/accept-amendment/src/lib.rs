//! `POST /v1/amendments/{id}/accept`: accepts a requested amendment in whole or in part.

use api::prelude::*;
use domain::amendment::{
    Amendment, AmendmentDenialGround, AmendmentStatus, DECIDED, DECISION_CONFLICTS, amendment_rule,
};
use domain::select_amendment;
use domain::text::Text;

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/amendments/{id}/accept")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Accepts a requested amendment in whole or in part")
    .needs("amendments:decide")
    .recorded_as(Action::Update, ResourceType::Amendment)
    .conflicts(&[DECISION_CONFLICTS])
    .idempotent(READ);

/// The acceptance of a requested amendment.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Acceptance {
    /// The text by which the entry is amended. It is linked to the entry, which stays as it is.
    pub addendum: Text<4000>,
    /// The part that is denied. Null if the whole request is accepted.
    pub denied_part: Option<DeniedPart>,
}

/// The part of a request that is denied.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeniedPart {
    /// The ground on which the part is denied.
    pub ground: AmendmentDenialGround,
    /// The basis of the denial in plain language, which says what part is denied and why.
    pub basis: Text<2000>,
}

// A trigger signs the decision.
const ACCEPT: &str = "
    update amendments set status = $1::text::amendment_status, addendum = $2,
      denial_ground = $3::text::amendment_denial_ground, denial_basis = $4
    where id = $5 and reaches('amendments:decide', patient_id) and shows_entry(record_id, file_id)
      and status = 'REQUESTED'";
const READ: &str = select_amendment!(
    "where a.id = $1 and reaches('amendments:decide', a.patient_id) and shows_entry(a.record_id, a.file_id)"
);

/// Accepts the amendment. Errors: there is a decision, or the amendment is the caller's own.
pub async fn handle(
    call: Call,
    Path(id): Path<AmendmentId>,
    Body(acceptance): Body<Acceptance>,
) -> Reply<Json<Amendment>> {
    let (status, ground, basis) = match acceptance.denied_part {
        Some(part) => (
            AmendmentStatus::PartlyAccepted,
            Some(part.ground),
            Some(part.basis),
        ),
        None => (AmendmentStatus::Accepted, None, None),
    };
    let mut access = call.authorize(id);
    access.add_note("status", status.label());
    let Written {
        row: amendment,
        is_changed,
    }: Written<Amendment> = access
        .write_then_read(
            sql(
                ACCEPT,
                &[&status, &acceptance.addendum, &ground, &basis, &id],
            ),
            sql(READ, &[&id]),
        )
        .await
        .on_constraints(amendment_rule)?;
    if !is_changed {
        return Err(Error::Conflict(DECIDED));
    }
    access.commit(Json(amendment)).await
}

//! `POST /v1/amendments/{id}/rebut`: adds the clinic's rebuttal of a disagreement.

use api::prelude::*;
use domain::amendment::{Amendment, REBUTTAL_CONFLICTS, REBUTTED, amendment_rule};
use domain::select_amendment;
use domain::text::Text;

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/amendments/{id}/rebut")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Adds the clinic's rebuttal of a disagreement")
    .needs("amendments:decide")
    .recorded_as(Action::Update, ResourceType::Amendment)
    .conflicts(&[REBUTTAL_CONFLICTS])
    .idempotent(READ);

/// The clinic's rebuttal of a statement of disagreement.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rebuttal {
    /// The rebuttal, in plain language. The patient can read it, which gives them their copy.
    pub rebuttal: Text<4000>,
}

// A trigger signs the rebuttal.
const REBUT: &str = "
    update amendments set rebuttal = $1
    where id = $2 and reaches('amendments:decide', patient_id) and shows_entry(record_id, file_id)
      and rebuttal is null";
const READ: &str = select_amendment!(
    "where a.id = $1 and reaches('amendments:decide', a.patient_id) and shows_entry(a.record_id, a.file_id)"
);

/// Adds the rebuttal. Errors: there is nothing to rebut, or there is a rebuttal.
pub async fn handle(
    call: Call,
    Path(id): Path<AmendmentId>,
    Body(rebuttal): Body<Rebuttal>,
) -> Reply<Json<Amendment>> {
    let mut access = call.authorize(id);
    let Written {
        row: amendment,
        is_changed,
    }: Written<Amendment> = access
        .write_then_read(sql(REBUT, &[&rebuttal.rebuttal, &id]), sql(READ, &[&id]))
        .await
        .on_constraints(amendment_rule)?;
    if !is_changed {
        return Err(Error::Conflict(REBUTTED));
    }
    access.commit(Json(amendment)).await
}

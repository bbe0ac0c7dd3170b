//! `POST /v1/amendments/{id}/disagree`: adds the patient's statement of disagreement.

use api::prelude::*;
use domain::amendment::{Amendment, DISAGREED, DISAGREEMENT_CONFLICTS, amendment_rule};
use domain::select_amendment;
use domain::text::Text;

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/amendments/{id}/disagree")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Adds the patient's statement of disagreement")
    .needs("amendments:request")
    .recorded_as(Action::Update, ResourceType::Amendment)
    .conflicts(&[DISAGREEMENT_CONFLICTS])
    .idempotent(READ);

/// The patient's statement of disagreement with a denial.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Disagreement {
    /// The statement, with the basis of the disagreement. It travels with the entry from now on.
    pub statement: Text<4000>,
}

// A trigger signs the statement.
const DISAGREE: &str = "
    update amendments set disagreement = $1
    where id = $2 and reaches('amendments:request', patient_id) and shows_entry(record_id, file_id)
      and disagreement is null";
const READ: &str = select_amendment!(
    "where a.id = $1 and reaches('amendments:request', a.patient_id) and shows_entry(a.record_id, a.file_id)"
);

/// Adds the statement, which a member of the care team can record for the patient. Errors: nothing was denied, or there is a
/// statement.
pub async fn handle(
    call: Call,
    Path(id): Path<AmendmentId>,
    Body(disagreement): Body<Disagreement>,
) -> Reply<Json<Amendment>> {
    let mut access = call.authorize(id);
    let Written {
        row: amendment,
        is_changed,
    }: Written<Amendment> = access
        .write_then_read(
            sql(DISAGREE, &[&disagreement.statement, &id]),
            sql(READ, &[&id]),
        )
        .await
        .on_constraints(amendment_rule)?;
    if !is_changed {
        return Err(Error::Conflict(DISAGREED));
    }
    access.commit(Json(amendment)).await
}

//! `POST /v1/amendments/{id}/extend`: extends the time to act on a requested amendment.

use api::prelude::*;
use domain::amendment::{Amendment, EXTENDED, EXTENSION_CONFLICTS, amendment_rule};
use domain::select_amendment;
use domain::text::Text;

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/amendments/{id}/extend")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Extends the time to act on a requested amendment")
    .needs("amendments:decide")
    .recorded_as(Action::Update, ResourceType::Amendment)
    .conflicts(&[EXTENSION_CONFLICTS])
    .idempotent(READ);

/// The reason why the clinic needs 30 more days.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Extension {
    /// The reason for the delay, in plain language. The patient can read it.
    pub reason: Text<1000>,
}

// A trigger moves the due date and signs the extension.
const EXTEND: &str = "
    update amendments set extension_reason = $1
    where id = $2 and reaches('amendments:decide', patient_id) and shows_entry(record_id, file_id)
      and extension_reason is null";
const READ: &str = select_amendment!(
    "where a.id = $1 and reaches('amendments:decide', a.patient_id) and shows_entry(a.record_id, a.file_id)"
);

/// Extends the time once by 30 days. Errors: it was extended already, the due date is over, or there is a decision.
pub async fn handle(
    call: Call,
    Path(id): Path<AmendmentId>,
    Body(extension): Body<Extension>,
) -> Reply<Json<Amendment>> {
    let mut access = call.authorize(id);
    let Written {
        row: amendment,
        is_changed,
    }: Written<Amendment> = access
        .write_then_read(sql(EXTEND, &[&extension.reason, &id]), sql(READ, &[&id]))
        .await
        .on_constraints(amendment_rule)?;
    if !is_changed {
        return Err(Error::Conflict(EXTENDED));
    }
    access.commit(Json(amendment)).await
}

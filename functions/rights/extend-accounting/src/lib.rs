//! `POST /v1/accountings/{id}/extend`: extends the due date of an accounting once, by 30 days.

use api::prelude::*;
use domain::accounting::{Accounting, EXTENDED, EXTENSION_CONFLICTS, accounting_rule};
use domain::select_accounting;
use domain::text::Text;

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/accountings/{id}/extend")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Extends the due date of an accounting once, by 30 days")
    .needs("accountings:answer")
    .recorded_as(Action::Update, ResourceType::Disclosure)
    .conflicts(&[EXTENSION_CONFLICTS])
    .idempotent(READ);

/// An extension of the due date (45 CFR 164.528(c)(1)(ii)).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Extension {
    /// The reason for the delay. The clinic tells it the patient in writing, together with the new due date.
    pub reason: Text<1000>,
}

const EXTEND: &str = "
    update accountings set extension_reason = $1
    where id = $2 and extended_at is null and reach('accountings:answer') = 'ALL'";
const READ: &str = select_accounting!("where a.id = $1 and reach('accountings:answer') = 'ALL'");

/// Extends the due date. Errors: the first due date is over, or it was extended already.
pub async fn handle(
    call: Call,
    Path(id): Path<AccountingId>,
    Body(extension): Body<Extension>,
) -> Reply<Json<Accounting>> {
    let mut access = call.authorize(id);
    let Written {
        row: accounting,
        is_changed,
    }: Written<Accounting> = access
        .write_then_read(sql(EXTEND, &[&extension.reason, &id]), sql(READ, &[&id]))
        .await
        .on_constraints(accounting_rule)?;
    if !is_changed {
        return Err(Error::Conflict(EXTENDED));
    }
    access.commit(Json(accounting)).await
}

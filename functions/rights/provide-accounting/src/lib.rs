//! `POST /v1/accountings/{id}/provide`: writes the accounting and makes it available to the patient.

use api::prelude::*;
use domain::accounting::{Accounting, PROVISION_CONFLICTS, provision_rule};
use domain::select_accounting;

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/accountings/{id}/provide")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Writes an accounting of disclosures and makes it available to the patient")
    .needs("accountings:answer")
    .recorded_as(Action::Update, ResourceType::Disclosure)
    .conflicts(&[PROVISION_CONFLICTS])
    .idempotent(READ);

const PROVIDE: &str = "
    update accountings set status = 'PROVIDED' where id = $1 and reach('accountings:answer') = 'ALL'";
const READ: &str = select_accounting!("where a.id = $1 and reach('accountings:answer') = 'ALL'");

/// Writes the accounting, which never changes after that. Errors: the patient has not accepted the fee, or the request is
/// provided or withdrawn already.
pub async fn handle(call: Call, Path(id): Path<AccountingId>) -> Reply<Json<Accounting>> {
    let mut access = call.authorize(id);
    let accounting: Accounting = access
        .write_then_read(sql(PROVIDE, &[&id]), sql(READ, &[&id]))
        .await
        .on_constraints(provision_rule)?
        .row;
    access.commit(Json(accounting)).await
}

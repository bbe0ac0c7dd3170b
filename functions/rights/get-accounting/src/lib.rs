//! `GET /v1/accountings/{id}`: reads a request for an accounting of disclosures.

use api::prelude::*;
use domain::accounting::Accounting;
use domain::select_accounting;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/accountings/{id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Reads a request for an accounting of disclosures")
    .needs("accountings:read")
    .recorded_as(Action::Read, ResourceType::Disclosure);

const GET: &str =
    select_accounting!("where a.id = $1 and reaches('accountings:read', a.patient_id)");

/// Answers the request with its due date.
pub async fn handle(call: Call, Path(id): Path<AccountingId>) -> Reply<Json<Accounting>> {
    call.authorize(id).read(sql(GET, &[&id])).await
}

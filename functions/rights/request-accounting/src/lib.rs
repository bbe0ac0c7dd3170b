//! `POST /v1/accountings`: requests an accounting of disclosures.

use api::prelude::*;
use domain::accounting::{Accounting, accounting_rule};
use domain::select_accounting;

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/accountings")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Requests an accounting of disclosures")
    .needs("accountings:write")
    .recorded_as(Action::Create, ResourceType::Disclosure)
    .idempotent(READ);

/// A request for an accounting of disclosures (45 CFR 164.528).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAccounting {
    /// The patient to whom the disclosed data belong.
    pub patient_id: PatientId,
    /// The first day that it covers, at most six years before the request. Null for six years.
    pub covered_from: Option<Date>,
    /// The last day that it covers. Null for the day of the request.
    pub covered_until: Option<Date>,
    /// The day on which the clinic received the request, on the clinic's calendar. Null for today. Only a compliance officer
    /// can record an earlier day.
    pub received_on: Option<Date>,
}

const REQUEST: &str = "
    insert into accountings (id, patient_id, covered_from, covered_until, received_on)
    select $1, $2, $3, $4, $5 where reaches('accountings:write', $2)";
const READ: &str =
    select_accounting!("where a.id = $1 and reaches('accountings:write', a.patient_id)");

/// Receives the request. The answer says whether there is a fee. Errors: the caller may not ask for this patient, or the
/// period is longer than six years.
pub async fn handle(call: Call, Body(new): Body<NewAccounting>) -> Reply<Created<Accounting>> {
    let id = AccountingId::generate();
    let mut access = call.authorize(InChart {
        resource: id,
        patient: new.patient_id,
    });
    let accounting: Accounting = access
        .write_then_read(
            sql(
                REQUEST,
                &[
                    &id,
                    &new.patient_id,
                    &new.covered_from,
                    &new.covered_until,
                    &new.received_on,
                ],
            ),
            sql(READ, &[&id]),
        )
        .await
        .on_constraints(accounting_rule)?
        .row;
    access
        .commit(Created {
            location: format!("/v1/accountings/{id}"),
            body: accounting,
        })
        .await
}

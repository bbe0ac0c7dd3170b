//! `PATCH /v1/accountings/{id}`: changes the period, accepts the fee or withdraws the request.

use api::prelude::*;
use domain::accounting::{Accounting, AccountingStatus, CHANGE_CONFLICTS, accounting_rule};
use domain::select_accounting;
use sql::row;

pub const ENDPOINT: Endpoint = Endpoint::patch("/v1/accountings/{id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Changes the period of an accounting, accepts its fee or withdraws the request")
    .needs("accountings:write")
    .recorded_as(Action::Update, ResourceType::Disclosure)
    .conflicts(&[CHANGE_CONFLICTS]);

row! {
    /// The fields of a request that a patch can change.
    #[derive(Debug, Deserialize, JsonSchema, Serialize)]
    #[serde(deny_unknown_fields)]
    pub struct Editable {
        /// The status. AWAITING_CONSENT becomes OPEN if the patient accepts the fee. Both become WITHDRAWN if the patient
        /// withdraws the request. PROVIDED can't be set here.
        pub status: AccountingStatus,
        /// The first day that the accounting covers.
        pub covered_from: Date,
        /// The last day that the accounting covers.
        pub covered_until: Date,
    }
}

const CURRENT: &str = "
    select status::text, covered_from, covered_until, version
    from accountings where id = $1 and reaches('accountings:write', patient_id)
    for update";
const UPDATE: &str = "
    update accountings set status = $1::text::accounting_status, covered_from = $2, covered_until = $3
    where id = $4";
const READ: &str = select_accounting!("where a.id = $1");

/// Changes the request. Errors: it was provided or withdrawn, or the period is longer than six years.
pub async fn handle(
    call: Call,
    Path(id): Path<AccountingId>,
    patch: Patch<Editable>,
    if_match: IfMatch,
) -> Reply<Json<Accounting>> {
    let mut access = call.authorize(id);
    let current: Current<Editable> = access.load(if_match, sql(CURRENT, &[&id])).await?;
    let changed = access.apply(&patch, &current.editable)?;
    if changed.status == AccountingStatus::Provided && current.editable.status != changed.status {
        return Err(Error::invalid("status", "expected OPEN or WITHDRAWN"));
    }
    access.add_note("status", changed.status.label());
    let accounting: Accounting = access
        .write_then_read(
            sql(
                UPDATE,
                &[
                    &changed.status,
                    &changed.covered_from,
                    &changed.covered_until,
                    &id,
                ],
            ),
            sql(READ, &[&id]),
        )
        .await
        .on_constraints(accounting_rule)?
        .row;
    access.commit(Json(accounting)).await
}

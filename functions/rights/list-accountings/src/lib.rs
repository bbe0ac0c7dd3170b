//! `GET /v1/accountings`: lists the requests for an accounting of disclosures, newest first.

use api::prelude::*;
use domain::accounting::{Accounting, AccountingStatus};
use domain::select_accounting;
use sql::union_all;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/accountings")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Lists the requests for an accounting of disclosures, newest first")
    .needs("accountings:read")
    .recorded_as(Action::Search, ResourceType::Disclosure);

/// The filter for a list of accountings.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Only requests about this patient are listed.
    pub patient_id: Option<PatientId>,
    /// Only requests with this status are listed.
    pub status: Option<AccountingStatus>,
    /// Whether only overdue requests are listed, or only others. By default both are.
    pub overdue: Option<bool>,
}

// The conditions on the status behind the first repeat a part of it as literals, because a parameter can't match a partial
// index. Only requests that aren't answered are overdue.
const LIST: &str = union_all!(
    select: select_accounting!(""),
    branches: [
        "reach('accountings:read') = 'ALL' and $1::uuid is null",
        "reach('accountings:read') = 'ALL' and a.patient_id = $1",
        "reach('accountings:read') = 'OWN' and a.patient_id = actor_patient()",
        (
            "a.patient_id = represented.patient",
            for each "(select patient from represented_patients() as patient
               where reach('accountings:read') = 'OWN' and ($1::uuid is null or patient = $1)) as represented"
        ),
    ],
    filters: "($1::uuid is null or a.patient_id = $1)
        and ($2::text is null or a.status = $2::text::accounting_status)
        and (coalesce($2::text, 'PROVIDED') in ('PROVIDED', 'WITHDRAWN') and coalesce(not $3, true)
          or (a.status <> 'PROVIDED' and a.status <> 'WITHDRAWN'))
        and ($3::boolean is null
          or (a.status in ('AWAITING_CONSENT', 'OPEN') and a.due_on < clinic_day(now())) = $3)
        and ($4::timestamptz is null or (a.created_at, a.id) < ($4, $5))",
    order: "order by created_at desc, id desc limit $6",
);

/// Answers a page of the requests.
pub async fn handle(
    call: Call,
    Query(filter): Query<Filter>,
    page: PageRequest<(Timestamp, AccountingId)>,
) -> Reply<Json<Page<Accounting>>> {
    let (after_time, after_id) = page.after().copied().unzip();
    let mut access = call.authorize(Search {
        patient: filter.patient_id,
    });
    let accountings: Vec<Accounting> = access
        .all(sql(
            LIST,
            &[
                &filter.patient_id,
                &filter.status,
                &filter.overdue,
                &after_time,
                &after_id,
                &page.fetch(),
            ],
        ))
        .await?;
    let page = page.page(accountings, |accounting| {
        (accounting.created_at, accounting.id)
    });
    access.commit(Json(page)).await
}

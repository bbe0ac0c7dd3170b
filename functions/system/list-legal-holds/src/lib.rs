//! `GET /v1/legal-holds`: lists the legal holds, newest first.

use api::prelude::*;
use domain::retention::LegalHold;
use domain::select_legal_hold;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/legal-holds")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Lists the legal holds, newest first")
    .needs("legal-holds:read")
    .recorded_as(Action::Search, ResourceType::LegalHold);

/// The filter for a list of legal holds.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Only legal holds on the data of this patient. Those on the data of everybody are left out.
    pub patient_id: Option<PatientId>,
    /// Whether only legal holds in force are listed, or only released ones. By default both are.
    pub is_in_force: Option<bool>,
}

const LIST: &str = select_legal_hold!(
    "where reach('legal-holds:read') = 'ALL'
       and ($1::uuid is null or patient_id = $1)
       and ($2::bool is null or (released_at is null) = $2)
       and ($3::timestamptz is null or (placed_at, id) < ($3, $4))
     order by placed_at desc, id desc limit $5"
);

/// Answers a page of the legal holds.
pub async fn handle(
    call: Call,
    Query(filter): Query<Filter>,
    page: PageRequest<(Timestamp, LegalHoldId)>,
) -> Reply<Json<Page<LegalHold>>> {
    let (after_time, after_id) = page.after().copied().unzip();
    let mut access = call.authorize(Search {
        patient: filter.patient_id,
    });
    let holds: Vec<LegalHold> = access
        .all(sql(
            LIST,
            &[
                &filter.patient_id,
                &filter.is_in_force,
                &after_time,
                &after_id,
                &page.fetch(),
            ],
        ))
        .await?;
    access
        .commit(Json(page.page(holds, |hold| (hold.placed_at, hold.id))))
        .await
}

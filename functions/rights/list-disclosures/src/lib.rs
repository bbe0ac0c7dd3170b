//! `GET /v1/disclosures`: lists the recorded disclosures, newest first.

use api::prelude::*;
use domain::accounting::{Disclosure, DisclosureBasis};
use domain::select_disclosure;
use sql::union_all;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/disclosures")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Lists the recorded disclosures, newest first")
    .needs("disclosures:read")
    .recorded_as(Action::Search, ResourceType::Disclosure);

/// The filter for a list of disclosures.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Only disclosures of the data of this patient are listed.
    pub patient_id: Option<PatientId>,
    /// Only disclosures on this basis are listed.
    pub basis: Option<DisclosureBasis>,
    /// Whether disclosures that were corrected are listed, too. By default they are not.
    pub include_corrected: Option<bool>,
}

// `not exists` would read all corrections at once, however short the page is.
const LIST: &str = union_all!(
    select: select_disclosure!(""),
    branches: ["$1::uuid is null", "d.patient_id = $1"],
    filters: "reach('disclosures:read') = 'ALL'
        and ($2::text is null or d.basis = $2::text::disclosure_basis)
        and (coalesce($3, false) or (select later.id from disclosures later where later.corrects_id = d.id) is null)
        and ($4::timestamptz is null or (d.recorded_at, d.id) < ($4, $5))",
    order: "order by recorded_at desc, id desc limit $6",
);

/// Answers a page of the disclosures.
pub async fn handle(
    call: Call,
    Query(filter): Query<Filter>,
    page: PageRequest<(Timestamp, DisclosureId)>,
) -> Reply<Json<Page<Disclosure>>> {
    let (after_time, after_id) = page.after().copied().unzip();
    let mut access = call.authorize(Search {
        patient: filter.patient_id,
    });
    let disclosures: Vec<Disclosure> = access
        .all(sql(
            LIST,
            &[
                &filter.patient_id,
                &filter.basis,
                &filter.include_corrected,
                &after_time,
                &after_id,
                &page.fetch(),
            ],
        ))
        .await?;
    let page = page.page(disclosures, |disclosure| {
        (disclosure.recorded_at, disclosure.id)
    });
    access.commit(Json(page)).await
}

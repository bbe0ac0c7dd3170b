//! `GET /v1/representatives`: lists the representations that the caller may read, newest first.

use api::prelude::*;
use domain::representative::{Representative, RepresentativeStatus};
use domain::select_representative;
use sql::union_all;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/representatives")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Lists the representations that the caller may read, newest first")
    .needs("representatives:read")
    .recorded_as(Action::Search, ResourceType::Representative);

/// The filter for a list of representations.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Only representations of this patient are listed.
    pub patient_id: Option<PatientId>,
    /// Only patients whom this user represents are listed.
    pub user_id: Option<UserId>,
    /// Only representations in this state are listed.
    pub status: Option<RepresentativeStatus>,
}

// A partial index has those that wait for a confirmation, and a parameter can't match it.
const LIST: &str = union_all!(
    select: select_representative!(""),
    branches: [
        "reach('representatives:read') = 'ALL' and $3 = 'UNCONFIRMED' and r.confirmed_at is null and r.ended_at is null",
        "reach('representatives:read') = 'ALL' and $3 is distinct from 'UNCONFIRMED'",
        "reach('representatives:read') = 'OWN' and r.patient_id = actor_patient()",
        "reach('representatives:read') = 'OWN' and r.user_id = actor_user()",
    ],
    filters: "($1::uuid is null or r.patient_id = $1)
        and ($2::uuid is null or r.user_id = $2)
        and ($3::text is null or representative_status(r) = $3)
        and ($4::timestamptz is null or (r.created_at, r.id) < ($4, $5))",
    order: "order by created_at desc, id desc limit $6",
);

/// Answers a page of the representations: patients see theirs, and representatives their own.
pub async fn handle(
    call: Call,
    Query(filter): Query<Filter>,
    page: PageRequest<(Timestamp, RepresentativeId)>,
) -> Reply<Json<Page<Representative>>> {
    let (after_time, after_id) = page.after().copied().unzip();
    let mut access = call.authorize(Search {
        patient: filter.patient_id,
    });
    let representatives: Vec<Representative> = access
        .all(sql(
            LIST,
            &[
                &filter.patient_id,
                &filter.user_id,
                &filter.status,
                &after_time,
                &after_id,
                &page.fetch(),
            ],
        ))
        .await?;
    let page = page.page(representatives, |link| (link.created_at, link.id));
    access.commit(Json(page)).await
}

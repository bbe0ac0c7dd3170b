//! `GET /v1/patients`: the patients within the caller's reach, a page at a time.

use api::prelude::*;
use domain::patient::Patient;
use domain::select_patient;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint::get("/v1/patients")
    .named(env!("CARGO_PKG_NAME"))
    .summary("The patients within the caller's reach, a page at a time")
    .needs("patients:read")
    .recorded_as(Action::Search, ResourceType::Patient);

/// The query.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// The account.
    pub user_id: Option<UserId>,
    /// A provider they are assigned to.
    pub provider_id: Option<ProviderId>,
    /// Archived ones, too, for who keeps the register.
    #[serde(default)]
    pub include_archived: bool,
}

const LIST: &str = concat!(
    select_patient!("where id in ("),
    include_str!("list.sql"),
    ") order by id"
);

/// Answers the page.
pub async fn handle(
    call: Call,
    Query(filter): Query<Filter>,
    page: PageRequest<PatientId>,
) -> Reply<Json<Page<Patient>>> {
    let mut access = call.authorize(Search::default());
    let patients: Vec<Patient> = access
        .all(sql(
            LIST,
            &[
                &filter.user_id,
                &filter.provider_id,
                &page.after().copied(),
                &filter.include_archived,
                &page.fetch(),
            ],
        ))
        .await?;
    access
        .commit(Json(page.page(patients, |patient| patient.id)))
        .await
}

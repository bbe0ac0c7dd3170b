//! `GET /v1/patients`: lists the patients whom the caller can see.

use api::prelude::*;
use domain::patient::Patient;
use domain::select_patient;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/patients")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Lists the patients whom the caller can see")
    .needs("patients:read")
    .recorded_as(Action::Search, ResourceType::Patient);

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Only the patient with this user account is listed.
    pub user_id: Option<UserId>,
    /// Only patients who are assigned to this provider are listed.
    pub provider_id: Option<ProviderId>,
    /// Whether archived patients are listed too. Only users who manage patient registration can see
    /// them.
    #[serde(default)]
    pub include_archived: bool,
}

const LIST: &str = concat!(
    select_patient!("where id in ("),
    include_str!("list.sql"),
    ") order by id"
);

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

//! `GET /v1/patients`: the patients within the caller's reach, a page at a time.

use serde::Deserialize;
use shared::domain::patient::Patient;
use shared::prelude::*;
use shared::select_patient;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint {
    name: "list-patients",
    permission: "patients:read",
    action: Action::Search,
    resource: ResourceType::Patient,
};

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
    /// Items a page, 1 to 100.
    pub limit: Option<u32>,
    /// Where the page begins.
    pub cursor: Option<String>,
}

const LIST: &str = concat!(
    select_patient!("where id in ("),
    include_str!("list.sql"),
    ") order by id"
);

/// Answers the page.
pub async fn handle(call: Call) -> Reply<Json<Page<Patient>>> {
    let filter: Filter = call.query()?;
    let page = call.page::<PatientId>(filter.limit, filter.cursor.as_deref())?;
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

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

macro_rules! page_within {
    ($within:literal) => {
        concat!(
            "(select id from patients where ",
            $within,
            "  and ($1::uuid is null or user_id = $1)
               and ($2::uuid is null or assigned_providers @> array[$2])
               and ($3::uuid is null or id > $3)
               and ($4 and reach('patients:write') = 'ALL' or not is_archived)
             order by id
             limit $5)"
        )
    };
}

// One branch runs: the other's condition on the reach holds for no row, and is asked once.
const LIST: &str = concat!(
    select_patient!("where id in ("),
    page_within!("reach('patients:read') = 'ALL'"),
    " union all ",
    page_within!(
        "reach('patients:read') <> 'ALL'
           and id = any (array(select patients_within_reach('patients:read')))"
    ),
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

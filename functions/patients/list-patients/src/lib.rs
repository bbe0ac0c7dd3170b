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
    /// Items a page, 1 to 100.
    pub limit: Option<u32>,
    /// Where the page begins.
    pub cursor: Option<String>,
}

const LIST: &str = select_patient!(
    "where not is_archived
       and case reach('patients:read')
         when 'ALL' then true
         when 'CARE' then id = any (array(select patients_in_care()))
         else id = actor_patient()
       end
       and ($1::uuid is null or user_id = $1)
       and ($2::uuid is null or assigned_providers @> array[$2])
       and ($3::uuid is null or id > $3)
     order by id
     limit $4"
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
                &page.fetch(),
            ],
        ))
        .await?;
    access
        .commit(Json(page.page(patients, |patient| patient.id)))
        .await
}

//! `GET /v1/patients`: lists the patients whom the caller can see.

use api::prelude::*;
use domain::patient::Patient;
use domain::select_patient;
use sql::union_all;

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
    /// Whether archived patients are listed too. By default they are not. Only users who manage patient
    /// registration can see them.
    #[serde(default)]
    pub include_archived: bool,
}

/// PostgreSQL evaluates the condition on the reach once and runs only one of the branches. The function of
/// the last one stops at the end of the page.
/// Public for the test of its plan.
pub const LIST: &str = concat!(
    select_patient!("where id in ("),
    union_all!(
        select: "select id from patients",
        branches: [
            "reach('patients:read') = 'ALL'",
            "reach('patients:read') = 'SOURCE' and source_system = actor_source()",
            "reach('patients:read') = 'OWN' and id = any (array(select represented_patients()) || actor_patient())",
            "reach('patients:read') = 'CARE' and id = any (array(select care_page($4, $1, $2, $5)))",
        ],
        filters: "($1::uuid is null or user_id = $1)
          and ($2::uuid is null or id = any (array(select patients_assigned_to($2))))
          and ($3 and reaches('patients:write', id) or not is_archived)
          and ($4::uuid is null or id > $4)",
        order: "order by id limit $5",
    ),
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
                &filter.include_archived,
                &page.after().copied(),
                &page.fetch(),
            ],
        ))
        .await?;
    access
        .commit(Json(page.page(patients, |patient| patient.id)))
        .await
}

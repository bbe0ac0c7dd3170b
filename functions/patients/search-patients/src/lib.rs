//! `POST /v1/patients/search`: the patients within the caller's reach by name, birth date or number.

use api::prelude::*;
use domain::patient::Patient;
use domain::select_patient;
use domain::text::Text;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint::post("/v1/patients/search")
    .named(env!("CARGO_PKG_NAME"))
    .summary("The patients within the caller's reach by name, birth date or number")
    .needs("patients:read")
    .recorded_as(Action::Search, ResourceType::Patient)
    .idempotent();

/// The body: at least one of the first three. What a patient must match stays out of the URL.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// How the family name begins; behind a comma, how the given name begins: `Exam`, `Example, A`.
    pub name: Option<Text<201>>,
    /// Date of birth.
    pub date_of_birth: Option<Date>,
    /// The medical record number, whole.
    pub patient_number: Option<Text<100>>,
    /// Items a page, 1 to 100.
    pub limit: Option<u32>,
    /// Where the page begins.
    pub cursor: Option<String>,
}

const SEARCH: &str = concat!(
    select_patient!("where user_id in ("),
    include_str!("search.sql"),
    ") order by search_name, user_id",
);

/// Answers the page, by name.
pub async fn handle(call: Call, Body(wanted): Body<Wanted>) -> Reply<Json<Page<Patient>>> {
    if wanted.name.is_none() && wanted.date_of_birth.is_none() && wanted.patient_number.is_none() {
        return Err(Error::invalid(
            "",
            "expected name, date_of_birth or patient_number",
        ));
    }
    let page = call.page::<UserId>(wanted.limit, wanted.cursor.as_deref())?;
    let mut access = call.authorize(Search::default());
    let patients: Vec<Patient> = access
        .all(sql(
            SEARCH,
            &[
                &wanted.name.map(beginning),
                &wanted.date_of_birth,
                &wanted.patient_number,
                &page.after().copied(),
                &page.fetch(),
            ],
        ))
        .await?;
    access
        .commit(Json(page.page(patients, |patient| patient.user_id)))
        .await
}

/// The beginning of a `search_name`: no space around the comma.
fn beginning(name: Text<201>) -> String {
    match name.as_str().split_once(',') {
        Some((family, given)) => format!("{},{}", family.trim(), given.trim()),
        None => name.as_str().trim().to_owned(),
    }
}

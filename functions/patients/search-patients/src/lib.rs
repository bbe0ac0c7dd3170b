//! `POST /v1/patients/search`: searches patients by name, date of birth or medical record number.

use api::pages::Limit;
use api::prelude::*;
use domain::patient::Patient;
use domain::select_patient;
use domain::text::{Identifier, Line};
use sql::{FromRow, postgres, union_all};

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/patients/search")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Searches patients by name, date of birth or medical record number")
    .needs("patients:read")
    .recorded_as(Action::Search, ResourceType::Patient);

/// The criteria that a patient must meet: at least one of `name`, `date_of_birth` and
/// `patient_number`. They are in the body because URLs must not contain patient data.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// The beginning of the family name and, after a comma, the beginning of the given name. For
    /// example, `Exam` or `Example, A`.
    pub name: Option<Line<201>>,
    /// The patient's date of birth, for example `1984-07-21`.
    pub date_of_birth: Option<Date>,
    /// The complete medical record number of the patient.
    pub patient_number: Option<Identifier<100>>,
    /// The greatest number of patients in the page, from 1 to 100. It is 50 if it is absent.
    pub limit: Option<Limit>,
    /// The `next_cursor` of the page before. Leave it out for the first page.
    pub cursor: Option<String>,
}

impl Check for Wanted {
    fn check(&self, _sound: &Sound<'_>) -> Result<(), Error> {
        match self.name.is_none() && self.date_of_birth.is_none() && self.patient_number.is_none() {
            false => Ok(()),
            true => Err(Error::invalid(
                "",
                "expected at least one of name, date_of_birth and patient_number",
            )),
        }
    }
}

/// PostgreSQL evaluates the condition on the reach once and runs only one of the branches.
/// Public for the test of its plan.
pub const SEARCH: &str = concat!(
    "select *, (select search_name from user_profiles u where u.id = user_id) as search_name from (",
    select_patient!("where user_id in (select id from ("),
    union_all!(
        select: "select u.id, u.search_name from user_profiles u join patients p on p.user_id = u.id",
        branches: [
            "reach('patients:read') = 'ALL'",
            "reach('patients:read') = 'OWN' and p.id = any (array(select represented_patients()) || actor_patient())",
            "reach('patients:read') = 'CARE' and u.id = any (array(select search_in_care($1, $2, $3, $4, $5, $6)))",
        ],
        filters: "not p.is_archived
          and ($1::text is null
            or (u.search_name >= lower($1) and u.search_name < lower($1) || chr(1114111)))
          and ($2::date is null or p.date_of_birth = $2)
          and ($3::text is null or p.patient_number = $3)
          and ($4::text is null or (u.search_name, u.id) > ($4, $5))",
        order: "order by search_name, id limit $6",
    ),
    ") as found)) as patient order by search_name, user_id",
);

pub async fn handle(
    call: Call,
    CheckedBody(wanted): CheckedBody<Wanted>,
) -> Reply<Json<Page<Patient>>> {
    let page = call.page::<(String, UserId)>(wanted.limit, wanted.cursor.as_deref())?;
    let (after_name, after_id) = page.after().cloned().unzip();
    let mut access = call.authorize(Search::default());
    let found: Vec<Found> = access
        .all(sql(
            SEARCH,
            &[
                &wanted.name.map(beginning),
                &wanted.date_of_birth,
                &wanted.patient_number,
                &after_name,
                &after_id,
                &page.fetch(),
            ],
        ))
        .await?;
    access
        .commit(Json(
            page.page(found, |found| {
                (found.search_name.clone(), found.patient.user_id)
            })
            .map(|found| found.patient),
        ))
        .await
}

/// A patient with the name by which they are sorted. The next page begins after it, even if the patient is
/// renamed or leaves the caller's care meanwhile.
#[derive(Serialize)]
struct Found {
    patient: Patient,
    search_name: String,
}

impl FromRow for Found {
    fn from_row(row: &postgres::Row) -> Result<Self, postgres::Error> {
        Ok(Self {
            patient: Patient::from_row(row)?,
            search_name: row.try_get("search_name")?,
        })
    }
}

/// The name as `search_name` begins: without spaces around the comma.
fn beginning(name: Line<201>) -> String {
    match name.as_str().split_once(',') {
        Some((family, given)) => format!("{},{}", family.trim(), given.trim()),
        None => name.as_str().trim().to_owned(),
    }
}

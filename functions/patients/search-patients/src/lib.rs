//! `POST /v1/patients/search`: searches patients by name, date of birth or medical record number.

use api::pages::Limit;
use api::prelude::*;
use domain::date_time::BirthDate;
use domain::name_search::{NamePlace, Named, TOO_MANY};
use domain::patient::Patient;
use domain::select_patient;
use domain::text::{Identifier, Line};

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
    /// Words of the patient's name, or the beginnings of words, in any order. Case, accents, apostrophes and hyphens
    /// make no difference. For example, `ada exam` finds Ada Example.
    pub name: Option<Line<201>>,
    /// The patient's date of birth: a day, a month or a year. It finds each patient who can be born then. For example,
    /// `1984-07-21` also finds a patient of whom only `1984-07` is known, and `1984` finds all who were born in that
    /// year.
    pub date_of_birth: Option<BirthDate>,
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

/// `search_patients` finds the page within the caller's reach. The patients are read under the caller's policies.
/// Public for the test of its plan.
pub const SEARCH: &str = concat!(
    "select patient.*, found.led_by, found.word, found.name
     from search_patients($1, $2, $3, $4, $5, $6, $7, $8)
       with ordinality as found (user_id, led_by, word, name, place)
     cross join lateral (",
    select_patient!("where user_id = found.user_id"),
    ") as patient order by found.place",
);

pub async fn handle(
    call: Call,
    CheckedBody(wanted): CheckedBody<Wanted>,
) -> Reply<Json<Page<Patient>>> {
    let page = call.page::<NamePlace>(wanted.limit, wanted.cursor.as_deref())?;
    let after = page.after();
    let mut access = call.authorize(Search::default());
    let found: Vec<Named<Patient>> = access
        .all(sql(
            SEARCH,
            &[
                &wanted.name,
                &wanted.date_of_birth,
                &wanted.patient_number,
                &after.and_then(|place| place.led_by.as_deref()),
                &after.map(|place| place.word.as_str()),
                &after.map(|place| place.name.as_str()),
                &after.map(|place| place.user_id),
                &page.fetch(),
            ],
        ))
        .await
        .on_constraint("search_is_narrow", Error::invalid("name", TOO_MANY))?;
    let found = page.page(found, |found| found.place.clone());
    access.commit(Json(found.map(|found| found.row))).await
}

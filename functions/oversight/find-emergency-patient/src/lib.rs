//! `POST /v1/emergency-access/search`: finds one patient by their exact name and date of birth.

use api::prelude::*;
use domain::date_time::BirthDate;
use domain::emergency::{EmergencyPatient, LICENSED, not_licensed};
use domain::text::Line;

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/emergency-access/search")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Finds one patient by their exact name and date of birth")
    .needs("emergency-access:write")
    .recorded_as(Action::Search, ResourceType::Patient);

/// The patient whom the caller looks for. All of it must be exact.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WantedPatient {
    /// The complete given name of the patient. Null if the patient has only one name. Case, accents, apostrophes and
    /// hyphens make no difference.
    pub first_name: Option<Line<100>>,
    /// The complete family name of the patient, or the only name that they have.
    pub last_name: Line<100>,
    /// The date of birth as the clinic has it: a day, or a month or year if no more is known.
    pub date_of_birth: BirthDate,
}

const FIND: &str = "
    select id, first_name, last_name, date_of_birth, patient_number from find_emergency_patient($1, $2, $3)";

/// Emergency access to the patient can be granted within the next 15 minutes. Errors: the caller's licence isn't
/// verified, or they have searched too often within an hour.
pub async fn handle(
    call: Call,
    Body(wanted): Body<WantedPatient>,
) -> Reply<Json<EmergencyPatient>> {
    let mut access = call.authorize(Search::default());
    let mut found = access
        .all(sql(
            FIND,
            &[&wanted.first_name, &wanted.last_name, &wanted.date_of_birth],
        ))
        .await
        .on_constraint(LICENSED, not_licensed())?;
    let patient = found.pop();
    access.commit(Json(EmergencyPatient { patient })).await
}

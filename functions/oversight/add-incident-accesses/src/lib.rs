//! `POST /v1/incidents/{id}/accesses`: adds what a person accessed between two times to an incident.

use api::prelude::*;
use domain::incident::{CONFLICTS, Incident, incident_rule};
use domain::select_incident;

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/incidents/{id}/accesses")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Adds what a person accessed between two times to an incident")
    .needs("incidents:write")
    .recorded_as(Action::Update, ResourceType::Incident)
    .conflicts(&[CONFLICTS])
    .idempotent(READ);

/// The longest time between the first and the last access.
const LONGEST: TimeDelta = TimeDelta::days(366);

/// The accesses to add.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Accesses {
    /// The user with these accesses.
    pub user_id: UserId,
    /// The time from which accesses are added (RFC 3339).
    pub from: Timestamp,
    /// The time before which accesses are added (RFC 3339), at most 366 days after `from`.
    pub until: Timestamp,
    /// The patient with the data. Null for all patients.
    pub patient_id: Option<PatientId>,
}

impl Check for Accesses {
    fn check(&self, sound: &Sound<'_>) -> Result<(), Error> {
        let fits = self.from < self.until && self.until <= self.from + LONGEST;
        match fits || !sound.are(&["from", "until"]) {
            true => Ok(()),
            false => Err(Error::invalid(
                "until",
                "expected a time after from, at most 366 days later",
            )),
        }
    }
}

const ADD: &str = "
    select add_accesses_of(i.id, $2, $3, $4, $5)
    from incidents i where i.id = $1 and reach('incidents:write') = 'ALL'";
const READ: &str = select_incident!("where i.id = $1 and reach('incidents:write') = 'ALL'");

/// Adds each successful access and its patient. What the incident has already is left, so a repetition changes nothing.
/// Errors: the incident is closed, or it is about an access of the caller.
pub async fn handle(
    call: Call,
    Path(id): Path<IncidentId>,
    CheckedBody(accesses): CheckedBody<Accesses>,
) -> Reply<Json<Incident>> {
    let mut access = call.authorize(id);
    access.add_note("user_id", accesses.user_id.to_string());
    access.add_note("from", accesses.from.to_string());
    access.add_note("until", accesses.until.to_string());
    if let Some(patient) = accesses.patient_id {
        access.add_note("patient_id", patient.to_string());
    }
    let incident: Incident = access
        .write_then_read(
            sql(
                ADD,
                &[
                    &id,
                    &accesses.user_id,
                    &accesses.from,
                    &accesses.until,
                    &accesses.patient_id,
                ],
            ),
            sql(READ, &[&id]),
        )
        .await
        .on_constraints(incident_rule)?
        .row;
    access.commit(Json(incident)).await
}

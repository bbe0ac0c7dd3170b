//! `PUT /v1/incidents/{id}/patients/{patient_id}`: adds a patient to an incident, or excludes one.

use api::prelude::*;
use domain::incident::{CONFLICTS, IncidentPatient, incident_rule};
use domain::select_incident_patient;
use domain::text::Text;

pub const ENDPOINT: Endpoint = Endpoint::put("/v1/incidents/{id}/patients/{patient_id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Adds a patient to an incident, or excludes one")
    .needs("incidents:write")
    .recorded_as(Action::Update, ResourceType::Incident)
    .conflicts(&[CONFLICTS, &[NOTIFIED]]);

const NOTIFIED: &str = "The patient has got a notice and can't be excluded any more.";

/// Whether a patient is affected.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Affected {
    /// Whether the patient is excluded, so that they don't count as affected and get no notice.
    pub is_excluded: bool,
    /// The reason for adding or excluding the patient. It must not contain clinical data.
    pub reason: Text<1000>,
}

const PUT: &str = "
    insert into incident_patients (incident_id, patient_id, is_excluded, reason)
    select i.id, $2, $3, $4 from incidents i where i.id = $1 and reach('incidents:write') = 'ALL'
    on conflict (incident_id, patient_id) do update set is_excluded = excluded.is_excluded, reason = excluded.reason";
const READ: &str = select_incident_patient!(
    "where p.incident_id = $1 and p.patient_id = $2 and reach('incidents:write') = 'ALL'"
);

/// Adds the patient if the incident doesn't have them yet. Errors: the incident is closed, or the patient has got a notice.
pub async fn handle(
    call: Call,
    Path(id): Path<IncidentId>,
    Path(patient): Path<PatientId>,
    Body(affected): Body<Affected>,
) -> Reply<Json<IncidentPatient>> {
    let mut access = call.authorize(InChart {
        resource: id,
        patient,
    });
    access.add_note("is_excluded", affected.is_excluded);
    let patient: IncidentPatient = access
        .write_then_read(
            sql(
                PUT,
                &[&id, &patient, &affected.is_excluded, &affected.reason],
            ),
            sql(READ, &[&id, &patient]),
        )
        .await
        .on_constraints(incident_rule)
        .on_constraint("incident_patients_notified", Error::Conflict(NOTIFIED))
        .on_constraint("incident_patients_exists", Error::NotFound)?
        .row;
    access.commit(Json(patient)).await
}

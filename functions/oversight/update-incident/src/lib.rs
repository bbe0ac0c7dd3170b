//! `PATCH /v1/incidents/{id}`: assesses, decides, delays or closes an incident.

mod editable;

use api::prelude::*;
use domain::incident::{CONFLICTS, Incident, incident_rule};
use domain::select_incident;
pub use editable::Editable;

pub const ENDPOINT: Endpoint = Endpoint::patch("/v1/incidents/{id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Assesses, decides, delays or closes an incident")
    .needs("incidents:write")
    .recorded_as(Action::Update, ResourceType::Incident)
    .conflicts(&[CONFLICTS]);

const CURRENT: &str = include_str!("current.sql");
const UPDATE: &str = include_str!("update.sql");
const READ: &str = select_incident!("where i.id = $1");

/// Changes the incident. The audit row has the names of the fields, the status and the decision. Errors: the incident is
/// about an access of the caller, or its state doesn't allow the change.
pub async fn handle(
    call: Call,
    Path(id): Path<IncidentId>,
    patch: Patch<Editable>,
    if_match: IfMatch,
) -> Reply<Json<Incident>> {
    let mut access = call.authorize(id);
    let current: Current<Editable> = access.load(if_match, sql(CURRENT, &[&id])).await?;
    let changed = access.apply(&patch, &current.editable)?;
    access.add_note("status", changed.status.label());
    if let Some(decision) = changed.decision {
        access.add_note("decision", decision.label());
    }
    let incident: Incident = access
        .write_then_read(
            sql(
                UPDATE,
                &[
                    &changed.status,
                    &changed.discovered_on,
                    &changed.summary,
                    &changed.breach_from,
                    &changed.breach_until,
                    &changed.nature_level,
                    &changed.nature,
                    &changed.person_level,
                    &changed.person,
                    &changed.acquisition_level,
                    &changed.acquisition,
                    &changed.mitigation_level,
                    &changed.mitigation,
                    &changed.decision,
                    &changed.decision_reason,
                    &changed.delay_statement,
                    &changed.delay_stated_on,
                    &changed.delay_official,
                    &changed.delayed_until,
                    &changed.letter_happened,
                    &changed.letter_data,
                    &changed.letter_steps,
                    &changed.letter_response,
                    &id,
                ],
            ),
            sql(READ, &[&id]),
        )
        .await
        .on_constraints(incident_rule)?
        .row;
    access.commit(Json(incident)).await
}

//! `POST /v1/incidents`: opens an incident, from an alert or from what an officer learned otherwise.

use api::prelude::*;
use domain::incident::{Incident, incident_rule};
use domain::select_incident;
use domain::text::Text;

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/incidents")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Opens an incident")
    .needs("incidents:write")
    .recorded_as(Action::Create, ResourceType::Incident)
    .conflicts(&[&[OPENED]])
    .idempotent(READ);

const OPENED: &str = "An incident was opened from this alert already.";

/// A new incident with its origin.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewIncident {
    /// The alert that it is about. Its person, its patient and the patients of its evidence become part of the incident.
    /// Null if there is no alert.
    pub alert_id: Option<AlertId>,
    /// The user who accessed the data. The user of the alert comes first. Null if nobody knows.
    pub actor_id: Option<UserId>,
    /// The first day on which the breach was known, or would have been by reasonable diligence, on the clinic's calendar.
    /// Null for the day on which the alert was raised, or for today if there is no alert.
    pub discovered_on: Option<Date>,
    /// The description of the incident, for officers. It must not contain clinical data.
    pub summary: Text<4000>,
}

const OPEN: &str = "
    insert into incidents (id, alert_id, actor_id, discovered_on, summary)
    select $1, $2, $3, $4, $5 where reach('incidents:write') = 'ALL'";
const READ: &str = select_incident!("where i.id = $1 and reach('incidents:write') = 'ALL'");

/// Opens the incident. Errors: it is about an access of the caller, or the alert has an incident.
pub async fn handle(call: Call, Body(new): Body<NewIncident>) -> Reply<Created<Incident>> {
    let id = IncidentId::generate();
    let mut access = call.authorize(id);
    if let Some(alert) = new.alert_id {
        access.add_note("alert_id", alert.to_string());
    }
    let incident: Incident = access
        .write_then_read(
            sql(
                OPEN,
                &[
                    &id,
                    &new.alert_id,
                    &new.actor_id,
                    &new.discovered_on,
                    &new.summary,
                ],
            ),
            sql(READ, &[&id]),
        )
        .await
        .on_constraints(incident_rule)
        .on_constraint("incidents_alert_key", Error::Conflict(OPENED))
        .on_constraint(
            "incidents_alert_exists",
            Error::invalid("alert_id", "expected the id of an alert"),
        )
        .on_constraint(
            "incidents_actor_id_fkey",
            Error::invalid("actor_id", "expected the id of a user"),
        )?
        .row;
    access
        .commit(Created {
            location: format!("/v1/incidents/{id}"),
            body: incident,
        })
        .await
}

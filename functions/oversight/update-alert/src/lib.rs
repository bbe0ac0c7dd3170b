//! `PATCH /v1/alerts/{id}`: acknowledges, assigns or resolves an alert.

use api::prelude::*;
use domain::alert::{Alert, AlertStatus, Disposition};
use domain::select_alert;
use domain::text::Text;
use sql::row;

pub const ENDPOINT: Endpoint = Endpoint::patch("/v1/alerts/{id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Acknowledges, assigns or resolves an alert")
    .needs("alerts:write")
    .recorded_as(Action::Update, ResourceType::Alert)
    .conflicts(&[&[TRANSITION]]);

const TRANSITION: &str =
    "The alert is resolved and never changes again, or it was taken up and can't be opened again.";

const ASSIGNEE: &str =
    "expected the id of an active user who may work on alerts and whom the alert is not about";

row! {
    /// The fields of an alert that a patch can change.
    #[derive(Debug, Deserialize, JsonSchema, Serialize)]
    #[serde(deny_unknown_fields)]
    pub struct Editable {
        /// The status of the alert. An alert that is resolved never changes again.
        pub status: AlertStatus,
        /// The user who investigates the alert. It is required with the status ASSIGNED, and not accepted with OPEN and
        /// ACKNOWLEDGED.
        pub assigned_to: Option<UserId>,
        /// The finding. It is required with the status RESOLVED, and not accepted otherwise.
        pub disposition: Option<Disposition>,
        /// The reason for the finding, without patient data. It is required with the status RESOLVED, and not accepted
        /// otherwise.
        pub reason: Option<Text<1000>>,
    }
}

const CURRENT: &str = "
    select status::text, assigned_to, disposition::text, reason, version from alerts
    where id = $1 and reach('alerts:write') = 'ALL'
    for update";
const UPDATE: &str = "
    update alerts
    set status = $1::text::alert_status, assigned_to = $2, disposition = $3::text::alert_disposition, reason = $4
    where id = $5";
const READ: &str = select_alert!("where id = $1");

/// Changes the alert. Errors: the alert is about the caller, or its status doesn't allow the change.
pub async fn handle(
    call: Call,
    Path(id): Path<AlertId>,
    patch: Patch<Editable>,
    if_match: IfMatch,
) -> Reply<Json<Alert>> {
    let mut access = call.authorize(id);
    let current: Current<Editable> = access.load(if_match, sql(CURRENT, &[&id])).await?;
    let changed = access.apply_checked(&patch, &current.editable, |changed, sound| {
        check(&patch, changed, sound)
    })?;
    access.add_note("status", changed.status.label());
    let alert: Alert = access
        .write_then_read(
            sql(
                UPDATE,
                &[
                    &changed.status,
                    &changed.assigned_to,
                    &changed.disposition,
                    &changed.reason,
                    &id,
                ],
            ),
            sql(READ, &[&id]),
        )
        .await
        .on_constraints(step_rule)?
        .row;
    access.commit(Json(alert)).await
}

/// Checks that the fields fit the status. Errors: one is missing, or the patch sets one that the status doesn't have.
fn check(patch: &Patch<Editable>, changed: &Editable, sound: &Sound<'_>) -> Result<(), Error> {
    use AlertStatus::{Acknowledged, Assigned, Open, Resolved};
    let check = |field, is_given: bool, is_required: bool, is_accepted: bool, expected| {
        let is_missing = is_required && !is_given;
        let is_surplus = !is_accepted && is_given && patch.names(field);
        match sound.are(&["status", field]) && (is_missing || is_surplus) {
            true => Err(Error::invalid(field, expected)),
            false => Ok(()),
        }
    };
    let is_assigned = changed.status == Assigned;
    let is_taken = !matches!(changed.status, Open | Acknowledged);
    let is_resolved = changed.status == Resolved;
    Error::first([
        check(
            "assigned_to",
            changed.assigned_to.is_some(),
            is_assigned,
            is_taken,
            "expected the id of a user with the status ASSIGNED, and null with OPEN and ACKNOWLEDGED",
        ),
        check(
            "disposition",
            changed.disposition.is_some(),
            is_resolved,
            is_resolved,
            "expected a finding such as JUSTIFIED with the status RESOLVED, and null otherwise",
        ),
        check(
            "reason",
            changed.reason.is_some(),
            is_resolved,
            is_resolved,
            "expected 1 to 1000 characters with the status RESOLVED, and null otherwise",
        ),
    ])
}

fn step_rule(constraint: &str) -> Option<Error> {
    Some(match constraint {
        "alerts_transition" => Error::Conflict(TRANSITION),
        "alerts_of_another" => {
            Error::Forbidden("Nobody can change an alert about their own access.")
        }
        "alerts_assignee_may_act" | "alerts_assigned_to_another" => {
            Error::invalid("assigned_to", ASSIGNEE)
        }
        _ => return None,
    })
}

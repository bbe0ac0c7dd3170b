mod add_incident_accesses;
mod alert_rules;
mod alert_scores;
mod count_refused_tokens;
mod create_activity_review;
mod due_alerts;
mod emergency_reach;
mod find_emergency_patient;
mod get_activity_review;
mod get_alert;
mod get_incident;
mod get_incident_letter;
mod grant_emergency_access;
mod incident_clocks;
mod list_activity_reviews;
mod list_alert_rules;
mod list_alerts;
mod list_emergency_access;
mod list_incident_patients;
mod list_incidents;
mod open_incident;
mod put_alert_rule;
mod raised_alerts;
mod record_incident_notice;
mod review_access;
mod review_emergency_access;
mod revoke_emergency_access;
mod sign_activity_review;
mod snooping;
mod two_networks;
mod update_alert;
mod update_incident;
mod update_incident_patient;

use audit::{PurposeOfUse, Relation};
use tests::audit::Expected;
use tests::prelude::*;

/// Raises an alert of the first rule as a trigger would.
async fn raise(
    world: &World,
    actor: Option<Uuid>,
    patient: Option<Uuid>,
    evidence: &[Uuid],
) -> Option<Uuid> {
    let raise = "select raise_alert('unexplained-access', $1, $2, null, $3, '{VISIT,CARE_TEAM}')";
    world.sql(raise, &[&actor, &patient, &evidence]).await[0].get(0)
}

const REVIEWS: &str = "/v1/activity-reviews";

fn review_path(id: Uuid) -> String {
    format!("{REVIEWS}/{id}")
}

fn sign_path(id: Uuid) -> String {
    format!("{REVIEWS}/{id}/sign")
}

/// Signs a review.
async fn signed(officer: &Actor, id: Uuid) {
    let body = json!({"conclusion": "Nothing to object to."});
    officer.post(&sign_path(id), body).await.expect(200);
}

/// The stored alert.
async fn stored(world: &World, id: Uuid) -> Value {
    world
        .row("select * from alerts where id = $1", &[&id])
        .await
}

fn path(id: Uuid) -> String {
    format!("/v1/alerts/{id}")
}

/// The patch that resolves an alert.
fn resolved() -> Value {
    json!({"status": "RESOLVED", "disposition": "JUSTIFIED", "reason": "They covered that night."})
}

/// The event of the schedule.
fn schedule() -> Value {
    json!({"source": "aws.scheduler", "detail": "{}"})
}

/// Lets review-access review all rows of persons that there are. Returns its steps. A transaction of another test may hold
/// back rows, because all databases of the server share their numbers.
async fn review(world: &World) -> Vec<Value> {
    world.outlast_transactions().await;
    let mut run = world
        .cloud
        .invoke("review-access", &schedule())
        .await
        .unwrap();
    let unreviewed =
        "select from access_review r join audit_logs a on (a.xid, a.id) > (r.xid, r.id)
                      where a.user_id is not null";
    assert!(world.sql(unreviewed, &[]).await.is_empty());
    serde_json::from_value(run["steps"].take()).unwrap()
}

/// Reads the chart. Returns the id of the audit row.
async fn read(world: &World, caller: &Actor, patient: &Patient) -> Uuid {
    let path = format!("/v1/patients/{}", patient.id);
    let answer = caller.get(&path).await.expect(200);
    world.audit_of(&answer).await.remove(0).entry.id.into()
}

/// Lets all patients and visits that there are be a year older, as far as review-access looks at it.
async fn age(world: &World) {
    world
        .rewrite_history(
            "update patients set created_at = created_at - interval '1 year';
             update appointments set created_at = created_at - interval '1 year';
             update care_relations set since = since - interval '1 year'",
        )
        .await;
}

/// The accesses of today.
async fn access(world: &World, caller: &Actor, patient: &Patient) -> Value {
    let accesses = "select * from chart_accesses where user_id = $1 and patient_id = $2";
    world.row(accesses, &[&caller.user, &patient.id]).await
}

async fn explanation(world: &World, caller: &Actor, patient: &Patient) -> Option<String> {
    let access = access(world, caller, patient).await;
    access["explanation"].as_str().map(str::to_owned)
}

/// The alerts of a rule, the first at the beginning.
async fn alerts(world: &World, rule: &str) -> Vec<Value> {
    let alerts = "select * from alerts where rule = $1 order by first_at, patient_id";
    world.rows(alerts, &[&rule]).await
}

const PATH: &str = "/v1/emergency-access";

/// Looks for the patient by their name and date of birth.
async fn find(caller: &Actor, first_name: &str) -> Answer {
    let wanted =
        json!({"first_name": first_name, "last_name": "Example", "date_of_birth": "1990-05-17"});
    caller.post(&format!("{PATH}/search"), wanted).await
}

async fn grant(caller: &Actor, patient: Uuid) -> Answer {
    let body = json!({
        "patient_id": patient, "reason": "PATIENT_UNRESPONSIVE", "explanation": "Collapsed", "hours": 2
    });
    caller.post(PATH, body).await
}

/// Lets the caller find Kim and grant themself access. Returns its id.
async fn granted(caller: &Actor, kim: &Patient) -> Uuid {
    let found = find(caller, "Kim").await.expect(200);
    assert_eq!(found.body["patient"]["id"], json!(kim.id));
    grant(caller, kim.id).await.expect(200).id()
}

/// Makes all accesses this much older.
async fn age_accesses(world: &World, by: &str) {
    world
        .rewrite_history(&format!(
            "update emergency_accesses set granted_at = granted_at - interval '{by}',
               ends_at = ends_at - interval '{by}', review_due_at = review_due_at - interval '{by}'"
        ))
        .await;
}

/// Asserts that the answer has this audit row, and that the actor acted with emergency access.
async fn audited_as_emergency(world: &World, answer: &Answer, row: Expected) {
    let entry = world.audited(answer, row).await.entry;
    assert_eq!(entry.relation, Some(Relation::Emergency), "{entry:?}");
    assert_eq!(entry.purpose_of_use, Some(PurposeOfUse::Btg), "{entry:?}");
}

const INCIDENTS: &str = "/v1/incidents";

fn incident_path(id: Uuid) -> String {
    format!("{INCIDENTS}/{id}")
}

/// Today on the clinic's calendar, this many days later.
async fn clinic_day(world: &World, later: i32) -> String {
    world
        .sql("select (clinic_day(now()) + $1::integer)::text", &[&later])
        .await[0]
        .get(0)
}

/// The patch that decides that an incident is a breach.
fn breach() -> Value {
    json!({"status": "ASSESSED", "decision": "BREACH", "decision_reason": "A clerk read notes without a task."})
}

/// The patch with the assessment of all four factors.
fn factors() -> Value {
    json!({
        "nature_level": "LOW", "nature": "The name of one patient.",
        "person_level": "LOW", "person": "A nurse who is bound to secrecy.",
        "acquisition_level": "MEDIUM", "acquisition": "The name was seen for some seconds.",
        "mitigation_level": "LOW", "mitigation": "The nurse assured in writing that they told nobody."
    })
}

/// Both patches in one.
fn merged(first: Value, second: Value) -> Value {
    let (Value::Object(mut first), Value::Object(second)) = (first, second) else {
        panic!("patches are objects")
    };
    first.extend(second);
    first.into()
}

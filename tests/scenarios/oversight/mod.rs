mod alert_rules;
mod get_alert;
mod list_alert_rules;
mod list_alerts;
mod put_alert_rule;
mod raised_alerts;
mod review_access;
mod update_alert;

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
    let last: Uuid = world
        .sql(
            "select id from audit_logs where user_id is not null order by xid desc, id desc limit 1",
            &[],
        )
        .await[0]
        .get(0);
    let steps = std::sync::Mutex::new(Vec::new());
    eventually("all rows are reviewed", async || {
        let run = world.cloud.invoke("review-access", &schedule()).await.unwrap();
        steps.lock().unwrap().extend(run["steps"].as_array().unwrap().clone());
        let reviewed = "select from access_review r join audit_logs a on (a.xid, a.id) <= (r.xid, r.id) where a.id = $1";
        !world.sql(reviewed, &[&last]).await.is_empty()
    })
    .await;
    steps.into_inner().unwrap()
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

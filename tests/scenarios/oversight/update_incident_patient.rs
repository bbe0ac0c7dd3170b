//! `PUT /v1/incidents/{id}/patients/{patient_id}`

use http::Method;
use tests::audit::Expected;
use tests::prelude::*;

use super::incident_path;

fn row(id: Uuid, patient: Uuid) -> Expected {
    let row = audit("update-incident-patient", "UPDATE", "INCIDENT");
    row.resource(id).patient(patient)
}

async fn put(caller: &Actor, id: Uuid, patient: Uuid, body: Value) -> Answer {
    let path = format!("{}/patients/{patient}", incident_path(id));
    caller.send(Method::PUT, &path, Some(body)).await
}

fn excluded() -> Value {
    json!({"is_excluded": true, "reason": "They had a visit on that day."})
}

fn added() -> Value {
    json!({"is_excluded": false, "reason": "A witness saw it."})
}

async fn affected(world: &World, id: Uuid) -> Value {
    world.stored_incident(id).await["affected"].clone()
}

#[tokio::test]
async fn an_officer_excludes_a_patient_with_a_reason_and_adds_another() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let home = "update user_profiles set address = '{\"state\": \"oh\"}' where id = $1";
    world.sql(home, &[&ben.user]).await;
    let officer = world.officer().await;
    let id = world.incident(&[ada.id]).await;

    let answer = put(&officer, id, ada.id, excluded()).await.expect(200);
    assert_eq!(answer.body["is_excluded"], true);
    assert_eq!(answer.body["reason"], excluded()["reason"]);
    assert_eq!(answer.body["changed_by"], json!(officer.user));
    let expected = row(id, ada.id).by(&officer).detail("is_excluded", true);
    world.audited(&answer, expected).await;
    assert_eq!(affected(&world, id).await, 0);

    let answer = put(&officer, id, ben.id, added()).await.expect(200);
    assert_eq!(answer.body["residence"], "OH");
    assert_eq!(answer.body["changed_by"], json!(officer.user));
    assert_eq!(affected(&world, id).await, 1);
    // And includes the first again.
    put(&officer, id, ada.id, added()).await.expect(200);
    assert_eq!(affected(&world, id).await, 2);
    let stored = "select is_excluded, reason from incident_patients where patient_id = $1";
    let stored = world.row(stored, &[&ada.id]).await;
    assert_eq!(stored, added());
}

#[tokio::test]
async fn without_a_reason_or_a_patient_nothing_changes() {
    let world = World::new().await;
    let (ada, admin) = (world.patient("Ada").await, world.admin().await);
    let officer = world.officer().await;
    let id = world.incident(&[ada.id]).await;
    for (field, body) in [
        ("reason", json!({"is_excluded": true})),
        ("reason", json!({"is_excluded": true, "reason": " "})),
        ("is_excluded", json!({"reason": "x"})),
    ] {
        let invalid = put(&officer, id, ada.id, body);
        let failed = row(id, ada.id).by(&officer).so_far();
        world.invalid(invalid, field, failed).await;
    }
    let nobody = put(&officer, id, Uuid::now_v7(), added()).await;
    nobody.problem(404, "not-found");
    let nowhere = put(&officer, Uuid::now_v7(), ada.id, added()).await;
    nowhere.problem(404, "not-found");
    let denied = row(id, ada.id).by(&admin).detail("is_excluded", true);
    let denied = denied.denied("forbidden");
    world
        .refused(put(&admin, id, ada.id, excluded()), 403, denied)
        .await;
    assert_eq!(affected(&world, id).await, 1);
}

#[tokio::test]
async fn whoever_got_a_notice_stays_affected_and_so_does_the_last_patient() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let officer = world.officer().await;
    let id = world.breach(&[ada.id, ben.id]).await;
    let notify = "insert into incident_notices (incident_id, recipient, patient_id, means, sent_on)
                  values ($1, 'PATIENT', $2, 'EMAIL', clinic_day(now()))";
    world.sql(notify, &[&id, &ada.id]).await;
    let failed = row(id, ada.id).by(&officer).detail("is_excluded", true);
    let failed = failed.failed("conflict");
    world
        .refused(put(&officer, id, ada.id, excluded()), 409, failed)
        .await;
    let alone = world.breach(&[ada.id]).await;
    let last = put(&officer, alone, ada.id, excluded()).await;
    last.problem(409, "conflict");

    // Without the one who has no notice yet, and with HHS notified, the incident is closed.
    let hhs = "insert into incident_notices (incident_id, recipient, means, sent_on)
               values ($1, 'HHS', 'WEB_PORTAL', clinic_day(now()))";
    world.sql(hhs, &[&id]).await;
    assert_eq!(world.stored_incident(id).await["status"], "NOTIFYING");
    put(&officer, id, ben.id, excluded()).await.expect(200);
    let closed = world.stored_incident(id).await;
    assert_eq!(closed["status"], "CLOSED");
    assert_eq!(closed["closed_by"], json!(officer.user));
    let late = put(&officer, id, ben.id, added()).await;
    late.problem(409, "conflict");
}

#[tokio::test]
async fn nobody_changes_the_patients_of_an_incident_about_their_own_access() {
    let world = World::new().await;
    let (ada, officer) = (world.patient("Ada").await, world.officer().await);
    let id = world.incident(&[ada.id]).await;
    let about = "update incidents set actor_id = $2 where id = $1";
    world.sql(about, &[&id, &officer.user]).await;
    let denied = row(id, ada.id).by(&officer).detail("is_excluded", true);
    let denied = denied.denied("forbidden");
    world
        .refused(put(&officer, id, ada.id, excluded()), 403, denied)
        .await;
    assert_eq!(affected(&world, id).await, 1);
}

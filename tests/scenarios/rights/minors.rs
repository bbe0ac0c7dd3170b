//! Until when a representation acts by law, and how far: the majority and the death of the patient, and the scope.

use tests::database::PEOPLE;
use tests::prelude::*;
use tests::ticket::begin_request;

use super::{REPRESENTATIVES, reads, step};

async fn acts_until(world: &World, id: Uuid) -> Value {
    let until =
        "select nullif(acts_until, 'infinity') as acts_until from representatives where id = $1";
    world.row(until, &[&id]).await["acts_until"].clone()
}

async fn confirmed(world: &World, user: Uuid, patient: &Patient, basis: &str) -> Uuid {
    let id = world.enter_representative(user, patient, basis, None).await;
    let confirm = "update representatives set confirmed_at = now() where id = $1";
    world.sql(confirm, &[&id]).await;
    id
}

#[tokio::test]
async fn a_parent_acts_until_the_majority_of_the_jurisdiction_and_corrections_of_the_birth_count() {
    let world = World::new().await;
    let kim = world.patient("Kim").await;
    let (paul, admin) = (world.user("PATIENT", "Paul").await, world.admin().await);
    let born = async |day: &str| {
        let born = "update patients set date_of_birth = $2 where id = $1";
        world.sql(born, &[&kim.id, &day]).await;
    };
    born("2020-05-17").await;
    let id = confirmed(&world, paul.user, &kim, "PARENT").await;
    assert_eq!(acts_until(&world, id).await, "2038-05-17T00:00:00+00:00");
    assert!(reads(&paul, &kim).await);

    // The front desk corrects the birth over the API.
    let patch = json!({"date_of_birth": "1990-05-17"});
    let path = format!("/v1/patients/{}", kim.id);
    let version = kim.get(&path).await.body["version"].as_i64().unwrap();
    admin.patch(&path, version, patch).await.expect(200);
    assert!(!reads(&paul, &kim).await);
    let found = paul.get(&format!("{REPRESENTATIVES}/{id}")).await;
    assert_eq!(found.expect(200).body["status"], "ENDED");
    // Of a year the first day counts.
    for (day, expected) in [
        ("2021", "2039-01-01T00:00:00+00:00"),
        ("2021-03", "2039-03-01T00:00:00+00:00"),
        // 2038 has no such day.
        ("2020-02-29", "2038-03-01T00:00:00+00:00"),
    ] {
        born(day).await;
        assert_eq!(acts_until(&world, id).await, expected, "{day}");
    }
    assert!(reads(&paul, &kim).await);

    // The clinic's calendar and jurisdiction decide. What it keeps longer doesn't.
    let rule =
        json!({"adult_years": 20, "majority_age": 25, "minor_years": 10, "reason": "Research"});
    let path = "/v1/retention-rules/MEDICAL_RECORD";
    admin
        .send(http::Method::PUT, path, Some(rule))
        .await
        .expect(200);
    born("2020-05-17").await;
    for (setting, expected) in [
        (
            "retention_jurisdiction = 'US-AL'",
            "2039-05-17T00:00:00+00:00",
        ),
        (
            "retention_jurisdiction = 'US-MS'",
            "2041-05-17T00:00:00+00:00",
        ),
        (
            "retention_jurisdiction = 'US-CA'",
            "2038-05-17T00:00:00+00:00",
        ),
        (
            "time_zone = 'America/New_York'",
            "2038-05-17T04:00:00+00:00",
        ),
    ] {
        world
            .sql(&format!("update settings set {setting}"), &[])
            .await;
        assert_eq!(acts_until(&world, id).await, expected, "{setting}");
    }
}

#[tokio::test]
async fn a_guardian_of_a_minor_acts_until_their_majority_and_one_of_an_adult_does_not_end_by_it() {
    let world = World::new().await;
    let (kim, ada) = (world.patient("Kim").await, world.patient("Ada").await);
    world.rejuvenate(&kim, 10).await;
    let paul = world.user("PATIENT", "Paul").await;
    let of_minor = confirmed(&world, paul.user, &kim, "GUARDIAN").await;
    let of_adult = confirmed(&world, paul.user, &ada, "GUARDIAN").await;
    assert_ne!(acts_until(&world, of_minor).await, Value::Null);
    assert_eq!(acts_until(&world, of_adult).await, Value::Null);
    // An earlier end counts.
    let end = "update representatives set until = now() + interval '1 day' where id = $1";
    world.sql(end, &[&of_minor]).await;
    let first = "select acts_until = until as first from representatives where id = $1";
    let first = world.row(first, &[&of_minor]).await;
    assert_eq!(first["first"], true);
}

#[tokio::test]
async fn death_ends_who_acted_for_the_living_and_begins_what_an_executor_may() {
    let world = World::new().await;
    let kim = world.patient("Kim").await;
    let (paul, otto) = (
        world.user("PATIENT", "Paul").await,
        world.user("PATIENT", "Otto").await,
    );
    let admin = world.admin().await;
    let proxy = confirmed(&world, paul.user, &kim, "HEALTH_CARE_PROXY").await;
    assert!(reads(&paul, &kim).await);
    let path = format!("/v1/patients/{}", kim.id);
    let deceased = json!({"deceased": {"at": "2026-01-02"}});
    admin.patch(&path, 1, deceased).await.expect(200);
    assert!(!reads(&paul, &kim).await);
    let ended = "select ended_by, end_reason from representatives where id = $1";
    let ended = world.row(ended, &[&proxy]).await;
    assert_eq!(ended["ended_by"], json!(admin.user));

    confirmed(&world, otto.user, &kim, "EXECUTOR").await;
    assert!(reads(&otto, &kim).await);
    admin
        .patch(&path, 2, json!({"deceased": null}))
        .await
        .expect(200);
    assert!(!reads(&otto, &kim).await);
}

#[tokio::test]
async fn the_scope_read_lets_a_representative_read_and_do_nothing_else() {
    let world = World::new().await;
    let (kim, vera) = (world.patient("Kim").await, world.provider("Vera").await);
    let paul = world.user("PATIENT", "Paul").await;
    world.assign(&kim, &vera).await;
    let note = world.note(&kim, &vera, "Well.").await;
    let file = world.uploaded(&kim, "application/pdf", files::PDF).await;
    let visit = world
        .visit(&kim, &vera, "2030-01-07T09:00:00Z", "SCHEDULED")
        .await;
    let done = world.visit(&kim, &vera, &days_ago(9), "COMPLETED").await;
    let id = world.represent(paul.user, &kim, None).await;
    let scope = "update representatives set scope = 'READ' where id = $1";
    world.sql(scope, &[&id]).await;

    for path in [
        format!("/v1/patients/{}", kim.id),
        format!("/v1/patients/{}/care", kim.id),
        format!("/v1/medical-records/{note}"),
        format!("/v1/files/{file}"),
        format!("/v1/appointments/{visit}"),
    ] {
        paul.get(&path).await.expect(200);
    }
    let clinical = paul.get(&format!("/v1/patients/{}", kim.id)).await;
    assert_ne!(clinical.body["allergies"], Value::Null);

    let booking = json!({
        "patient_id": kim.id, "provider_id": vera.id, "scheduled_at": "2030-01-08T09:00:00Z",
        "duration_minutes": 30
    });
    paul.post("/v1/appointments", booking)
        .await
        .problem(404, "not-found");
    let path = format!("/v1/appointments/{visit}");
    paul.patch(&path, 1, json!({"notes": "On foot"}))
        .await
        .problem(404, "not-found");
    paul.post(&format!("{path}/cancel"), json!({"reason": "Ill"}))
        .await
        .problem(404, "not-found");
    paul.post(
        &format!("/v1/appointments/{done}/rate"),
        json!({"rating": 1}),
    )
    .await
    .problem(404, "not-found");
    let body = announcement("PATIENT", kim.user, "image/png", files::PNG);
    paul.post("/v1/files", body).await.problem(404, "not-found");

    // Nor does a statement without a WHERE change anything.
    let app = world.connect_as(PEOPLE).await;
    for statement in [
        "update appointments set change_reason = change_reason",
        "update file_metadata set original_name = 'x'",
    ] {
        app.batch_execute("begin").await.unwrap();
        begin_request(&app, &paul, "appointments:write")
            .await
            .unwrap();
        assert_eq!(app.execute(statement, &[]).await.unwrap(), 0, "{statement}");
        app.batch_execute("rollback").await.unwrap();
    }
    // They may still step down.
    let reason = json!({"reason": "I moved away"});
    paul.post(&step(id, "end"), reason).await.expect(200);
}

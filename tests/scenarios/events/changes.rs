//! What happens in the clinic leaves events, once it is committed.

use std::sync::Arc;

use http::Method;
use tests::prelude::*;

use super::types_of;

async fn visit_at(world: &World, ada: &Patient, vera: &Provider, at: &str) -> (Uuid, String) {
    let visit = world.visit(ada, vera, at, "SCHEDULED").await;
    (visit, format!("appointments/{visit}"))
}

#[tokio::test]
async fn a_visit_that_is_booked_moved_and_held_leaves_an_event_of_each_step() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let (visit, subject) = visit_at(&world, &ada, &vera, "2030-01-07T09:00Z").await;
    let path = format!("/v1/appointments/{visit}");
    let moved = json!({"scheduled_at": "2030-01-08T09:00:00Z", "reason": "Travelling that week"});
    ada.patch(&path, 1, moved).await.expect(200);
    vera.patch(&path, 2, json!({"notes": "Room 3"}))
        .await
        .expect(200);
    assert_eq!(
        types_of(&world, &subject).await,
        [
            "appointment.booked.v1",
            "appointment.moved.v1",
            "appointment.changed.v1"
        ]
    );

    let (visit, subject) = visit_at(&world, &ada, &vera, "2020-01-07T09:00Z").await;
    let path = format!("/v1/appointments/{visit}");
    vera.post_nothing(&format!("{path}/check-in"))
        .await
        .expect(200);
    vera.post(&format!("{path}/complete"), json!({}))
        .await
        .expect(200);
    ada.post(&format!("{path}/rate"), json!({"rating": 5}))
        .await
        .expect(200);
    assert_eq!(
        types_of(&world, &subject).await,
        [
            "appointment.booked.v1",
            "appointment.checked-in.v1",
            "appointment.completed.v1",
            "appointment.changed.v1"
        ]
    );

    let (visit, subject) = visit_at(&world, &ada, &vera, "2020-01-08T09:00Z").await;
    vera.post_nothing(&format!("/v1/appointments/{visit}/no-show"))
        .await
        .expect(200);
    assert_eq!(
        types_of(&world, &subject).await,
        ["appointment.booked.v1", "appointment.missed.v1"]
    );
}

#[tokio::test]
async fn an_entry_that_is_held_and_released_leaves_an_event_of_each_step() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let record = world.note(&ada, &vera, "Seen today").await;
    let path = format!("/v1/medical-records/{record}");
    let change = json!({"notes": "Seen again", "change_reason": "Addendum"});
    vera.patch(&path, 1, change).await.expect(200);
    world.hold(record, &vera, "30 days").await;
    let release = vera
        .request(Method::PUT, &format!("{path}/release"))
        .header("if-match", "\"3\"")
        .header("content-type", "application/json")
        .body(json!({"hold": null}).to_string().into());
    vera.send_request(release.unwrap()).await.expect(200);
    let subject = format!("medical-records/{record}");
    assert_eq!(
        types_of(&world, &subject).await,
        [
            "record.added.v1",
            "record.changed.v1",
            "record.held.v1",
            "record.released.v1"
        ]
    );
    let changed = world
        .row(
            "select data from business_events where subject = $1 and sequence = 2",
            &[&subject],
        )
        .await;
    // Ids, states and names of fields, and nothing that the entry says.
    assert_eq!(
        changed["data"],
        json!({
            "record_id": record, "patient_id": ada.id, "provider_id": vera.id, "record_type": "NOTE", "version": 2,
            "changed": ["notes"]
        })
    );
}

#[tokio::test]
async fn an_upload_leaves_an_event_of_each_state() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let file = world
        .uploaded(&ada, "application/pdf", &tests::samples::pdf("A"))
        .await;
    assert_eq!(
        types_of(&world, &format!("files/{file}")).await,
        ["file.announced.v1", "file.uploaded.v1", "file.available.v1"]
    );
}

#[tokio::test]
async fn care_that_begins_and_ends_leaves_events() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let admin = world.admin().await;
    let path = format!("/v1/patients/{}/providers/{}", ada.id, vera.id);
    admin.put(&path).await.expect(200);
    let version = admin
        .get(&format!("/v1/patients/{}", ada.id))
        .await
        .expect(200);
    let version = version.body["version"].as_i64().unwrap();
    admin.delete(&path, version).await.expect(200);
    let subject = format!(
        "patients/{}/care/assignment/{}/{}",
        ada.id, vera.id, vera.user
    );
    assert_eq!(
        types_of(&world, &subject).await,
        ["care.given.v1", "care.ended.v1"]
    );
}

#[tokio::test]
async fn likely_duplicates_of_a_new_patient_leave_an_event() {
    let world = World::new().await;
    let admin = world.admin().await;
    let mut ids = Vec::new();
    for number in ["P-1", "P-2"] {
        let user = json!({"first_name": "Ada", "last_name": "Example", "role": "PATIENT"});
        let user = admin.post("/v1/users", user).await.expect(201).id();
        let patient = json!({
            "user_id": user, "patient_number": number, "date_of_birth": "1984-07-21", "gender": "female"
        });
        ids.push(admin.post("/v1/patients", patient).await.expect(201).id());
    }
    assert_eq!(
        types_of(&world, &format!("patients/{}", ids[0])).await,
        ["patient.registered.v1"]
    );
    let subject = format!("patients/{}", ids[1]);
    assert_eq!(
        types_of(&world, &subject).await,
        ["patient.registered.v1", "patient.duplicates-found.v1"]
    );
    let found = world
        .row(
            "select data from business_events where subject = $1 and sequence = 2",
            &[&subject],
        )
        .await;
    assert_eq!(
        found["data"],
        json!({"patient_id": ids[1], "likely_duplicates": [ids[0]]})
    );
}

#[tokio::test]
async fn a_refused_change_leaves_no_event() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let (_, subject) = visit_at(&world, &ada, &vera, "2030-01-07T09:00Z").await;
    let before = world.rows("select id from business_events", &[]).await;
    // The slot overlaps, so the transaction is rolled back.
    let body = json!({
        "patient_id": ada.id, "provider_id": vera.id, "scheduled_at": "2030-01-07T09:00:00Z", "duration_minutes": 30
    });
    ada.post("/v1/appointments", body)
        .await
        .problem(409, "conflict");
    assert_eq!(
        world.rows("select id from business_events", &[]).await,
        before
    );
    assert_eq!(types_of(&world, &subject).await, ["appointment.booked.v1"]);
}

#[tokio::test]
async fn sixteen_writers_of_one_subject_leave_one_event_each_without_a_gap() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let (visit, subject) = visit_at(&world, &ada, &vera, "2030-01-07T09:00Z").await;
    let change = Arc::new(format!(
        "update appointments set notes = $1 where id = '{visit}'"
    ));
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..16 {
        let (connection, change) = (world.connect().await, change.clone());
        writers.spawn(async move {
            for turn in 0..10 {
                // One in five is rolled back.
                let end = if (writer + turn) % 5 == 0 {
                    "rollback"
                } else {
                    "commit"
                };
                connection.batch_execute("begin").await.unwrap();
                let note = format!("{writer}/{turn}");
                connection.execute(&*change, &[&note]).await.unwrap();
                connection.batch_execute(end).await.unwrap();
            }
        });
    }
    writers.join_all().await;
    let version = world
        .row("select version from appointments where id = $1", &[&visit])
        .await;
    let types = types_of(&world, &subject).await;
    assert_eq!(types.len(), 1 + 16 * 8);
    assert_eq!(version["version"], types.len());
}

//! The database writes events of every type, and each fits the schema of its type.

use std::collections::BTreeSet;

use business_events::EventType;
use tests::prelude::*;

/// Deletes a row as the job of the retention does, without what it checks.
async fn delete(world: &World, table: &str, condition: &str) {
    world
        .rewrite_history(&format!(
            "alter table {table} enable always trigger announce; delete from {table} where {condition}"
        ))
        .await;
}

/// Archives a row, restores it, and deletes it.
async fn archive_restore_and_delete(world: &World, table: &str, id: Uuid) {
    for archived in ["true, archived_at = now()", "false, archived_at = null"] {
        let reason = match table {
            "medical_records" => ", change_reason = 'Wrong chart'",
            _ => "",
        };
        let change = format!("update {table} set is_archived = {archived}{reason} where id = $1");
        world.sql(&change, &[&id]).await;
    }
    delete(world, table, &format!("id = '{id}'")).await;
}

async fn change(world: &World, table: &str, id: Uuid, changes: &[&str]) {
    for change in changes {
        let change = format!("update {table} set {change} where id = $1");
        world.sql(&change, &[&id]).await;
    }
}

async fn visits(world: &World, ada: &Patient, vera: &Provider) {
    let kept = world
        .visit(ada, vera, "2030-01-07T09:00Z", "SCHEDULED")
        .await;
    let missed = world
        .visit(ada, vera, "2030-01-08T09:00Z", "SCHEDULED")
        .await;
    let cancelled = world
        .visit(ada, vera, "2030-01-09T09:00Z", "SCHEDULED")
        .await;
    let steps = [
        "scheduled_at = scheduled_at + interval '7 days', change_reason = 'Travelling'",
        "notes = 'Room 3'",
        "status = 'CHECKED_IN'",
        "status = 'COMPLETED'",
    ];
    change(world, "appointments", kept, &steps).await;
    change(world, "appointments", missed, &["status = 'NO_SHOW'"]).await;
    let cancel = ["status = 'CANCELLED', change_reason = 'Travelling'"];
    change(world, "appointments", cancelled, &cancel).await;
    archive_restore_and_delete(world, "appointments", cancelled).await;
}

async fn records(world: &World, ada: &Patient, vera: &Provider) {
    let record = world.note(ada, vera, "Seen today").await;
    let steps = ["notes = 'Seen again', change_reason = 'Addendum'"];
    change(world, "medical_records", record, &steps).await;
    world.hold(record, vera, "30 days").await;
    world
        .sql(
            "insert into record_releases (id, record_id, patient_id, decided_by)
             select gen_random_uuid(), id, patient_id, $2 from medical_records where id = $1",
            &[&record, &vera.user],
        )
        .await;
    archive_restore_and_delete(world, "medical_records", record).await;
}

async fn files(world: &World, ada: &Patient) {
    let available = world.uploaded(ada, "application/pdf", files::PDF).await;
    for (status, uploaded) in [
        ("REJECTED", "now()"),
        ("QUARANTINED", "now()"),
        ("EXPIRED", "null"),
    ] {
        let (file, _) = world.announced(ada, "application/pdf", files::PDF).await;
        let step = format!("status = '{status}', upload_date = {uploaded}");
        change(world, "file_metadata", file, &[&step]).await;
    }
    change(
        world,
        "file_metadata",
        available,
        &["original_name = 'Letter.pdf'"],
    )
    .await;
    archive_restore_and_delete(world, "file_metadata", available).await;
}

async fn people(world: &World) {
    let (ben, walt) = (world.patient("Ben").await, world.provider("Walt").await);
    let nora = world.user("NURSE", "Nora").await;
    let steps = [
        "role = 'FRONT_DESK'",
        "status = 'SUSPENDED'",
        "last_name = 'Sample'",
    ];
    change(world, "user_profiles", nora.user, &steps).await;
    archive_restore_and_delete(world, "user_profiles", nora.user).await;
    let steps = [
        "is_verified = false, verified_at = null, withdrawal_reason = 'Expired'",
        "is_verified = true, verified_at = now(), withdrawal_reason = null",
        "specialties = '{oncology}'",
    ];
    change(world, "providers", walt.id, &steps).await;
    archive_restore_and_delete(world, "providers", walt.id).await;
    change(world, "patients", ben.id, &["gender = 'other'"]).await;
    archive_restore_and_delete(world, "patients", ben.id).await;

    let admin = world.admin().await;
    for number in ["P-1", "P-2"] {
        let user = json!({"first_name": "Ada", "last_name": "Example", "role": "PATIENT"});
        let user = admin.post("/v1/users", user).await.expect(201).id();
        let patient = json!({
            "user_id": user, "patient_number": number, "date_of_birth": "1984-07-21", "gender": "female"
        });
        admin.post("/v1/patients", patient).await.expect(201);
    }
}

async fn care(world: &World, ada: &Patient, vera: &Provider) {
    let nora = world.user("NURSE", "Nora").await;
    // Without a fixed end, and with one.
    world.assign(ada, vera).await;
    world.grant(ada, nora.user, "REFERRAL", "30 days").await;
    for step in [
        "until = until + interval '1 day'",
        "is_suspended = true",
        "is_suspended = false",
        "until = now()",
    ] {
        let step = format!("update care_relations set {step} where member_id = $1");
        world.sql(&step, &[&nora.user]).await;
    }
    delete(
        world,
        "care_relations",
        &format!("member_id = '{}'", nora.user),
    )
    .await;
}

async fn roles(world: &World) {
    world
        .sql(
            "insert into roles (name, description) values ('GUEST', 'Looks around.')",
            &[],
        )
        .await;
    world
        .sql(
            "update roles set description = 'Looks.' where name = 'GUEST'",
            &[],
        )
        .await;
}

/// Lets the reminder of a visit come due.
async fn reminder(world: &World, ada: &Patient, vera: &Provider) {
    world
        .visit(ada, vera, "2030-01-10T09:00Z", "SCHEDULED")
        .await;
    world
        .sql("update appointment_reminders set due_at = now()", &[])
        .await;
    let schedule = json!({"source": "aws.scheduler", "detail": "{}"});
    world
        .cloud
        .invoke("remind-appointments", &schedule)
        .await
        .unwrap();
}

async fn webhooks(world: &World) {
    let admin = world.admin().await;
    let id = Uuid::now_v7();
    let made = json!({"url": "https://portal.example/events", "description": "The portal", "status": "ACTIVE"});
    admin
        .send(http::Method::PUT, &format!("/v1/webhooks/{id}"), Some(made))
        .await
        .expect(200);
    let test = format!("/v1/webhooks/{id}/test");
    admin.post_nothing(&test).await.expect(200);
    let steps = [
        "url = 'https://portal.example/news'",
        "status = 'DISABLED', disabled_reason = 'FAILED', disabled_at = now()",
        "status = 'ACTIVE', disabled_reason = null, disabled_at = null",
        "secret_generation = secret_generation + 1",
        "is_archived = true, archived_at = now()",
    ];
    change(world, "webhooks", id, &steps).await;
}

async fn alerts(world: &World, about: &Provider) {
    let alert = world.alert(about.user, None).await;
    change(world, "alerts", alert, &["status = 'ACKNOWLEDGED'"]).await;
}

async fn emergency(world: &World, ada: &Patient, vera: &Provider) {
    let id = world.emergency(ada.id, vera.user, "0 hours").await;
    let steps = ["revoked_at = now()", "review = 'APPROVED'"];
    change(world, "emergency_accesses", id, &steps).await;
}

async fn incidents(world: &World, affected: &Patient) {
    let incident = world.incident(&[affected.id]).await;
    change(
        world,
        "incidents",
        incident,
        &["summary = 'Two charts were read'"],
    )
    .await;
}

/// Lets a guardian act for the patient, who asks for each of their rights.
async fn rights(world: &World, ada: &Patient, vera: &Provider) {
    let guardian = world.user("PATIENT", "Otto").await;
    let representative = world.represent(guardian.user, ada, Some("30 days")).await;
    let end = ["ended_at = now(), end_reason = 'Custody was withdrawn'"];
    change(world, "representatives", representative, &end).await;
    world.denied_export(ada.id).await;
    let note = world.note(ada, vera, "Smokes.").await;
    world.accepted_amendment(note).await;
    world.provided_accounting(ada.id).await;
}

#[tokio::test]
async fn every_type_is_written_and_each_event_fits_the_schema_of_its_type() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    visits(&world, &ada, &vera).await;
    records(&world, &ada, &vera).await;
    files(&world, &ada).await;
    people(&world).await;
    care(&world, &ada, &vera).await;
    roles(&world).await;
    reminder(&world, &ada, &vera).await;
    webhooks(&world).await;
    alerts(&world, &vera).await;
    incidents(&world, &ada).await;
    emergency(&world, &ada, &vera).await;
    rights(&world, &ada, &vera).await;
    let written: BTreeSet<_> = world.every_event_fits().await.into_iter().collect();
    let all: BTreeSet<_> = EventType::LABELS
        .iter()
        .map(|label| (*label).to_owned())
        .collect();
    let missing: Vec<_> = all.difference(&written).collect();
    assert!(missing.is_empty(), "let this scenario write {missing:?}");
    assert_eq!(written, all);
}

#[tokio::test]
async fn times_in_the_data_are_in_utc_whatever_the_time_zone_of_the_session_is() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let record = world.note(&ada, &vera, "Seen today").await;
    world.sql("set timezone = 'America/New_York'", &[]).await;
    world
        .sql(
            "insert into record_releases (id, record_id, patient_id, hold_reason, expires_at, decided_by, decided_at)
             values (gen_random_uuid(), $1, $2, 'privacy', '2030-07-01T12:30:00Z', $3, '2030-06-01T00:00:00Z')",
            &[&record, &ada.id, &vera.user],
        )
        .await;
    let held =
        "select data ->> 'held_until' as until from business_events where type = 'record.held.v1'";
    let held = world.row(held, &[]).await;
    assert_eq!(held, json!({"until": "2030-07-01T12:30:00.000000Z"}));
}

#[tokio::test]
async fn the_audit_row_names_likely_duplicates_too() {
    let world = World::new().await;
    let (ada, ben, admin) = (
        world.patient("Ada").await,
        world.patient("Ben").await,
        world.admin().await,
    );
    let found = "select add_event('patient.duplicates-found.v1', 'patients/' || $1::uuid, jsonb_build_object(
                   'patient_id', $1::uuid, 'likely_duplicates', array[$2::uuid]))";
    super::feed(&world, &admin).await;
    let so_far = admin.get("/v1/events?limit=100").await.expect(200);
    world.sql(found, &[&ada.id, &ben.id]).await;
    let cursor = so_far.body["next_cursor"].as_str().unwrap();
    let path = format!("/v1/events?cursor={cursor}");
    eventually("the event can be read", async || {
        let news = admin.get(&path).await.expect(200);
        news.body["items"].as_array().unwrap().len() == 1
    })
    .await;
    let news = admin.get(&path).await.expect(200);
    let row = audit("list-events", "SEARCH", "EVENT").by(&admin);
    world
        .audited(&news, row.patient(ada.id).patient(ben.id))
        .await;
}

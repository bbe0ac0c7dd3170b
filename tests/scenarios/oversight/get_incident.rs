//! `GET /v1/incidents/{id}`

use tests::audit::Expected;
use tests::prelude::*;

use super::incident_path;

fn row() -> Expected {
    audit("get-incident", "READ", "INCIDENT")
}

#[tokio::test]
async fn an_officer_reads_an_incident_with_its_due_dates() {
    let world = World::new().await;
    let (ada, officer) = (world.patient("Ada").await, world.officer().await);
    let id = world.breach(&[ada.id]).await;
    let read = officer.get(&incident_path(id)).await.expect(200);
    assert_eq!(read.header("etag"), "\"3\"");
    let stored = world.stored_incident(id).await;
    for (field, column) in [
        ("status", "status"),
        ("discovered_on", "discovered_on"),
        ("decision", "decision"),
        ("letter_steps", "letter_steps"),
        ("affected_count", "affected"),
        ("patients_due_on", "patients_by"),
        ("hhs_due_on", "hhs_by"),
        ("media_due_on", "media_by"),
        ("next_due_on", "next_by"),
        ("is_overdue", "is_overdue"),
    ] {
        assert_eq!(read.body[field], stored[column], "{field}");
    }
    assert_eq!(read.body["status"], "NOTIFYING");
    assert_eq!(read.body["affected_count"], 1);
    // It names no patient.
    assert!(!read.text.contains(&ada.id.to_string()));
    world.audited(&read, row().by(&officer).resource(id)).await;
}

#[tokio::test]
async fn an_absent_incident_is_not_found_and_other_roles_are_refused() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let (admin, officer) = (world.admin().await, world.officer().await);
    let absent = Uuid::now_v7();
    let failed = row().by(&officer).resource(absent).failed("not-found");
    world
        .refused(officer.get(&incident_path(absent)), 404, failed)
        .await;
    let id = world.incident(&[ada.id]).await;
    for caller in [&*vera, &*ada, &admin] {
        let denied = row().by(caller).resource(id).denied("forbidden");
        world
            .refused(caller.get(&incident_path(id)), 403, denied)
            .await;
    }
    let malformed = officer.get("/v1/incidents/7").await;
    malformed.problem(404, "not-found");
}

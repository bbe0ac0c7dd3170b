//! `POST /v1/appointments/{id}/complete`

use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("complete-appointment", "UPDATE", "APPOINTMENT")
}

fn path(id: Uuid) -> String {
    format!("/v1/appointments/{id}/complete")
}

#[tokio::test]
async fn its_provider_completes_a_visit_that_took_place() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let id = world
        .visit(&ada, &vera, "2020-01-07T09:00Z", "SCHEDULED")
        .await;
    let answer = vera
        .post(&path(id), json!({"notes": "Went well"}))
        .await
        .expect(200);
    assert_eq!(answer.body["status"], "COMPLETED");
    assert_eq!(answer.body["notes"], "Went well");
    assert_eq!(answer.body["version"], 2);
    assert_eq!(answer.header("etag"), "\"2\"");
    let stored = world
        .row("select status, notes, version from appointments", &[])
        .await;
    assert_eq!(
        stored,
        json!({"status": "COMPLETED", "notes": "Went well", "version": 2})
    );
    world
        .audited(&answer, row().by(&vera).resource(id).patient(ada.id))
        .await;
}

#[tokio::test]
async fn without_notes_the_bookings_notes_stay() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let id = world
        .visit(&ada, &vera, "2020-01-07T09:00Z", "SCHEDULED")
        .await;
    world
        .sql("update appointments set notes = 'Bring results'", &[])
        .await;
    let answer = vera.post(&path(id), json!({})).await.expect(200);
    assert_eq!(answer.body["notes"], "Bring results");
}

#[tokio::test]
async fn a_future_completed_or_cancelled_visit_is_a_conflict() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    for (scheduled_at, status) in [
        ("2030-01-07T09:00Z", "SCHEDULED"),
        ("2020-01-07T09:00Z", "COMPLETED"),
        ("2020-01-07T09:00Z", "CANCELLED"),
    ] {
        let id = world.visit(&ada, &vera, scheduled_at, status).await;
        let failed = row().by(&vera).resource(id).patient(ada.id);
        let failed = failed.failed("conflict");
        world
            .refused(vera.post(&path(id), json!({})), 409, failed)
            .await;
    }
}

#[tokio::test]
async fn another_provider_gets_404() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let walt = world.provider("Walt").await;
    world.assign(&ada, &walt).await;
    let id = world
        .visit(&ada, &vera, "2020-01-07T09:00Z", "SCHEDULED")
        .await;
    let denied = row().by(&walt).resource(id).patient(ada.id);
    world
        .out_of_reach(denied, async |id| walt.post(&path(id), json!({})).await)
        .await;
}

#[tokio::test]
async fn a_patient_can_not_complete_visits() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let id = world
        .visit(&ada, &vera, "2020-01-07T09:00Z", "SCHEDULED")
        .await;
    let denied = row().by(&ada).resource(id).patient(ada.id);
    let denied = denied.denied("forbidden");
    world
        .refused(ada.post(&path(id), json!({})), 403, denied)
        .await;
}

#[tokio::test]
async fn a_visit_completed_and_cancelled_concurrently_ends_in_one_state() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    for day in 1..=8 {
        let at = format!("2020-01-0{day}T09:00Z");
        let id = world.visit(&ada, &vera, &at, "SCHEDULED").await;
        let (complete, cancel) = (path(id), format!("/v1/appointments/{id}/cancel"));
        let (completed, cancelled) = tokio::join!(
            vera.post(&complete, json!({})),
            vera.post(&cancel, json!({"reason": "Nobody came"}))
        );
        let mut statuses = [completed.status, cancelled.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409]);
        let history =
            "select from appointment_changes where appointment_id = $1 and old_status is not null";
        assert_eq!(world.sql(history, &[&id]).await.len(), 1);
    }
}

//! `POST /v1/appointments/{id}/cancel`

use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("cancel-appointment", "UPDATE", "APPOINTMENT")
}

fn path(id: Uuid) -> String {
    format!("/v1/appointments/{id}/cancel")
}

fn why() -> Value {
    json!({"reason": "Travelling that week"})
}

#[tokio::test]
async fn patient_provider_and_administrator_cancel_a_visit_and_the_reason_is_kept() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let admin = world.admin().await;
    for (day, caller) in [(7, &*ada), (8, &*vera), (9, &admin)] {
        let at = format!("2030-01-0{day}T09:00Z");
        let id = world.visit(&ada, &vera, &at, "SCHEDULED").await;
        let answer = caller.post(&path(id), why()).await.expect(200);
        assert_eq!(answer.body["status"], "CANCELLED");
        assert_eq!(answer.body["change_reason"], "Travelling that week");
        let history = world
            .row(
                "select changed_by, old_status, new_status, reason,
                   old_scheduled_at = new_scheduled_at as stayed
                 from appointment_changes where appointment_id = $1 and old_status is not null",
                &[&id],
            )
            .await;
        assert_eq!(
            history,
            json!({
                "changed_by": caller.user, "old_status": "SCHEDULED", "new_status": "CANCELLED",
                "reason": "Travelling that week", "stayed": true
            })
        );
        world
            .audited(&answer, row().by(caller).resource(id).patient(ada.id))
            .await;
        // The time can be booked again.
        world.visit(&ada, &vera, &at, "SCHEDULED").await;
    }
}

#[tokio::test]
async fn a_request_repeated_under_its_key_takes_effect_once() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let id = world
        .visit(&ada, &vera, "2030-01-07T09:00Z", "SCHEDULED")
        .await;
    let send = async || {
        let request = ada
            .request(http::Method::POST, &path(id))
            .header("content-type", "application/json")
            .header("idempotency-key", "cancel-1")
            .body(why().to_string().into());
        ada.send_request(request.unwrap()).await.expect(200)
    };
    let (first, second) = (send().await, send().await);
    assert_eq!(first.body, second.body);
    let history = world.rows("select id from appointment_changes", &[]).await;
    // One change is the booking, the other the cancellation.
    assert_eq!(history.len(), 2);
}

#[tokio::test]
async fn a_provider_cancels_a_missed_visit_and_the_patient_can_not() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let id = world
        .visit(&ada, &vera, "2020-01-07T09:00Z", "SCHEDULED")
        .await;
    let failed = row().by(&ada).resource(id).patient(ada.id);
    let failed = failed.failed("conflict");
    world.refused(ada.post(&path(id), why()), 409, failed).await;
    vera.post(&path(id), why()).await.expect(200);
}

#[tokio::test]
async fn a_completed_or_cancelled_visit_is_a_conflict() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    for status in ["COMPLETED", "CANCELLED"] {
        let id = world.visit(&ada, &vera, "2020-01-07T09:00Z", status).await;
        let failed = row().by(&vera).resource(id).patient(ada.id);
        world
            .refused(vera.post(&path(id), why()), 409, failed.failed("conflict"))
            .await;
    }
}

#[tokio::test]
async fn another_patient_or_provider_gets_404() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let (vera, walt) = (world.provider("Vera").await, world.provider("Walt").await);
    // Walt has Ada in care, but the visit is with Vera.
    world.assign(&ada, &walt).await;
    let id = world
        .visit(&ada, &vera, "2030-01-07T09:00Z", "SCHEDULED")
        .await;
    for caller in [&*ben, &*walt] {
        let denied = row().by(caller).resource(id).patient(ada.id);
        world
            .out_of_reach(denied, async |id| caller.post(&path(id), why()).await)
            .await;
    }
}

#[tokio::test]
async fn a_reason_is_required() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let id = world
        .visit(&ada, &vera, "2030-01-07T09:00Z", "SCHEDULED")
        .await;
    for body in [
        json!({}),
        json!({"reason": " "}),
        json!({"reason": "x".repeat(501)}),
    ] {
        world
            .invalid(ada.post(&path(id), body), "reason", row().by(&ada))
            .await;
    }
}

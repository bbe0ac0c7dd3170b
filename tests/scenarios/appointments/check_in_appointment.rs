//! `POST /v1/appointments/{id}/check-in`

use domain::time::{TimeDelta, Timestamp};
use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("check-in-appointment", "UPDATE", "APPOINTMENT")
}

fn path(id: Uuid) -> String {
    format!("/v1/appointments/{id}/check-in")
}

fn in_minutes(minutes: i64) -> String {
    (Timestamp::now() + TimeDelta::minutes(minutes)).to_string()
}

#[tokio::test]
async fn provider_nurse_front_desk_and_administrator_check_a_patient_in() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let nora = world.user("NURSE", "Nora").await;
    world.grant(&ada, nora.user, "COVER", "9 days").await;
    let (fred, admin) = (world.user("FRONT_DESK", "Fred").await, world.admin().await);
    for (hour, caller) in [&*vera, &nora, &fred, &admin].into_iter().enumerate() {
        let at = format!("2020-01-07T{:02}:00Z", 9 + hour);
        let id = world.visit(&ada, &vera, &at, "SCHEDULED").await;
        let answer = caller.post_nothing(&path(id)).await.expect(200);
        assert_eq!(answer.body["status"], "CHECKED_IN");
        assert_eq!(answer.header("etag"), "\"2\"");
        let history = world
            .row(
                "select changed_by, old_status, new_status, reason
                 from appointment_changes where appointment_id = $1 and old_status is not null",
                &[&id],
            )
            .await;
        assert_eq!(
            history,
            json!({
                "changed_by": caller.user, "old_status": "SCHEDULED", "new_status": "CHECKED_IN",
                "reason": null
            })
        );
        world
            .audited(&answer, row().by(caller).resource(id).patient(ada.id))
            .await;
    }
}

#[tokio::test]
async fn a_patient_is_checked_in_from_twelve_hours_before_the_visit() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let early = world
        .visit(&ada, &vera, &in_minutes(12 * 60 + 5), "SCHEDULED")
        .await;
    let failed = row().by(&vera).resource(early).patient(ada.id);
    world
        .refused(
            vera.post_nothing(&path(early)),
            409,
            failed.failed("conflict"),
        )
        .await;
    let due = world
        .visit(&ada, &vera, &in_minutes(12 * 60 - 40), "SCHEDULED")
        .await;
    vera.post_nothing(&path(due)).await.expect(200);
}

#[tokio::test]
async fn a_checked_in_visit_takes_its_time_and_is_completed_or_cancelled() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let (vera, admin) = (world.provider("Vera").await, world.admin().await);
    let at = in_minutes(120);
    let id = world.visit(&ada, &vera, &at, "SCHEDULED").await;
    vera.post_nothing(&path(id)).await.expect(200);
    let visit = format!("/v1/appointments/{id}");
    let cancel = format!("{visit}/cancel");

    // Nobody else gets the time, and the patient can't change the visit any more.
    let other = json!({
        "patient_id": ben.id, "provider_id": vera.id, "scheduled_at": at, "duration_minutes": 30
    });
    ben.post("/v1/appointments", other.clone())
        .await
        .problem(409, "conflict");
    let reason = json!({"reason": "Feeling better"});
    ada.post(&cancel, reason.clone())
        .await
        .problem(409, "conflict");
    ada.patch(&visit, 2, json!({"notes": "Late"}))
        .await
        .problem(409, "conflict");
    let moved = json!({"scheduled_at": in_minutes(300), "reason": "Busy"});
    vera.patch(&visit, 2, moved).await.problem(409, "conflict");
    // A patient or provider is not archived while the patient waits.
    admin.delete(&visit, 2).await.problem(409, "conflict");
    for path in [
        format!("/v1/patients/{}", ada.id),
        format!("/v1/providers/{}", vera.id),
        format!("/v1/users/{}", ada.user),
        format!("/v1/users/{}", vera.user),
    ] {
        admin.delete(&path, 1).await.problem(409, "conflict");
    }

    // The patient left before they were seen.
    vera.post(&cancel, reason).await.expect(200);
    ben.post("/v1/appointments", other).await.expect(201);

    let past = world
        .visit(&ada, &vera, "2020-01-07T09:00Z", "CHECKED_IN")
        .await;
    let complete = format!("/v1/appointments/{past}/complete");
    let answer = vera.post(&complete, json!({})).await.expect(200);
    assert_eq!(answer.body["status"], "COMPLETED");
}

#[tokio::test]
async fn a_patient_who_comes_late_after_all_is_checked_in() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let vera = world.provider("Vera").await;
    let id = world.visit(&ada, &vera, &days_ago(1), "SCHEDULED").await;
    let care = "select until > now() as is_given, counted_from is not null as is_counted
                from care_relations where source = $1";
    vera.post_nothing(&format!("/v1/appointments/{id}/no-show"))
        .await
        .expect(200);
    vera.get(&format!("/v1/patients/{}", ada.id))
        .await
        .problem(404, "not-found");
    vera.post_nothing(&path(id)).await.expect(200);
    assert_eq!(
        world.row(care, &[&id]).await,
        json!({"is_given": true, "is_counted": true})
    );
    vera.get(&format!("/v1/patients/{}", ada.id))
        .await
        .expect(200);

    // The time was given to another patient in the meantime.
    let missed = world.visit(&ada, &vera, &days_ago(3), "NO_SHOW").await;
    let at = "update appointments set scheduled_at = (select scheduled_at from appointments where id = $1)
              where id = $2";
    let other = world.visit(&ben, &vera, &days_ago(2), "SCHEDULED").await;
    world.sql(at, &[&missed, &other]).await;
    let failed = row().by(&vera).resource(missed).patient(ada.id);
    world
        .refused(
            vera.post_nothing(&path(missed)),
            409,
            failed.failed("conflict"),
        )
        .await;
}

#[tokio::test]
async fn a_completed_cancelled_or_checked_in_visit_is_a_conflict() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    for status in ["COMPLETED", "CANCELLED", "CHECKED_IN"] {
        let id = world.visit(&ada, &vera, "2020-01-07T09:00Z", status).await;
        let failed = row().by(&vera).resource(id).patient(ada.id);
        world
            .refused(vera.post_nothing(&path(id)), 409, failed.failed("conflict"))
            .await;
    }
}

#[tokio::test]
async fn a_patient_is_refused_and_a_provider_without_the_patient_in_care_gets_404() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let walt = world.provider("Walt").await;
    let id = world
        .visit(&ada, &vera, "2020-01-07T09:00Z", "SCHEDULED")
        .await;
    let denied = row().by(&ada).resource(id).patient(ada.id);
    world
        .refused(ada.post_nothing(&path(id)), 403, denied.denied("forbidden"))
        .await;
    let denied = row().by(&walt).resource(id).patient(ada.id);
    world
        .out_of_reach(denied, async |id| walt.post_nothing(&path(id)).await)
        .await;
    // Another provider who has the patient in care can record that they came.
    world.assign(&ada, &walt).await;
    walt.post_nothing(&path(id)).await.expect(200);
}

//! `POST /v1/appointments/{id}/no-show`

use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("mark-no-show", "UPDATE", "APPOINTMENT")
}

fn path(id: Uuid) -> String {
    format!("/v1/appointments/{id}/no-show")
}

#[tokio::test]
async fn provider_nurse_front_desk_and_administrator_mark_a_missed_visit() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let nora = world.user("NURSE", "Nora").await;
    world.grant(&ada, nora.user, "COVER", "9 days").await;
    let (fred, admin) = (world.user("FRONT_DESK", "Fred").await, world.admin().await);
    for (hour, caller) in [&*vera, &nora, &fred, &admin].into_iter().enumerate() {
        let at = format!("2020-01-07T{:02}:00Z", 9 + hour);
        let id = world.visit(&ada, &vera, &at, "SCHEDULED").await;
        world
            .sql(
                "update appointments set change_reason = 'Moved once' where id = $1",
                &[&id],
            )
            .await;
        let answer = caller.post_nothing(&path(id)).await.expect(200);
        assert_eq!(answer.body["status"], "NO_SHOW");
        // The reason of an earlier move isn't the reason of this change.
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
                "changed_by": caller.user, "old_status": "SCHEDULED", "new_status": "NO_SHOW",
                "reason": null
            })
        );
        world
            .audited(&answer, row().by(caller).resource(id).patient(ada.id))
            .await;
        let found = ada.get("/v1/appointments?status=NO_SHOW").await.ids();
        assert!(found.contains(&id));
    }
}

#[tokio::test]
async fn a_missed_visit_ends_its_care_and_takes_nobodys_time() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let (vera, admin) = (world.provider("Vera").await, world.admin().await);
    let at = days_ago(1);
    let id = world.visit(&ada, &vera, &at, "SCHEDULED").await;
    let chart = format!("/v1/patients/{}", ada.id);
    vera.get(&chart).await.expect(200);
    vera.post_nothing(&path(id)).await.expect(200);
    vera.get(&chart).await.problem(404, "not-found");
    let visit = format!("/v1/appointments/{id}");
    vera.get(&visit).await.expect(200);
    world.visit(&ben, &vera, &at, "SCHEDULED").await;
    // It can be neither rated nor completed, but archived.
    ada.post(&format!("{visit}/rate"), json!({"rating": 1}))
        .await
        .problem(409, "conflict");
    vera.post(&format!("{visit}/complete"), json!({}))
        .await
        .problem(409, "conflict");
    admin.delete(&visit, 2).await.expect(200);
}

#[tokio::test]
async fn a_visit_to_come_or_one_that_is_over_or_begun_is_a_conflict() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    for (scheduled_at, status) in [
        ("2030-01-07T09:00Z", "SCHEDULED"),
        ("2020-01-07T09:00Z", "CHECKED_IN"),
        ("2020-01-08T09:00Z", "COMPLETED"),
        ("2020-01-09T09:00Z", "CANCELLED"),
        ("2020-01-10T09:00Z", "NO_SHOW"),
    ] {
        let id = world.visit(&ada, &vera, scheduled_at, status).await;
        let failed = row().by(&vera).resource(id).patient(ada.id);
        world
            .refused(vera.post_nothing(&path(id)), 409, failed.failed("conflict"))
            .await;
    }
}

#[tokio::test]
async fn a_request_repeated_under_its_key_takes_effect_once() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let id = world
        .visit(&ada, &vera, "2020-01-07T09:00Z", "SCHEDULED")
        .await;
    let send = async || {
        let request = vera
            .request(http::Method::POST, &path(id))
            .header("idempotency-key", "no-show-1")
            .body(Default::default());
        vera.send_request(request.unwrap()).await.expect(200)
    };
    let (first, second) = (send().await, send().await);
    assert_eq!(first.body, second.body);
    // One change is the booking, the other the no-show.
    let history = world.rows("select id from appointment_changes", &[]).await;
    assert_eq!(history.len(), 2);
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
}

#[tokio::test]
async fn a_visit_checked_in_and_marked_at_once_ends_in_one_order() {
    let world = World::with(Setup {
        instances: 2,
        ..Setup::default()
    })
    .await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    for day in 1..=4 {
        let at = format!("2020-01-0{day}T09:00Z");
        let id = world.visit(&ada, &vera, &at, "SCHEDULED").await;
        let (check_in, no_show) = (format!("/v1/appointments/{id}/check-in"), path(id));
        let (came, missed) =
            tokio::join!(vera.post_nothing(&check_in), vera.post_nothing(&no_show));
        // A late patient can be checked in after the no-show, but not the other way round.
        came.expect(200);
        assert!([200, 409].contains(&missed.status), "{}", missed.text);
        let stored = world
            .row("select status from appointments where id = $1", &[&id])
            .await;
        assert_eq!(stored["status"], "CHECKED_IN");
    }
}

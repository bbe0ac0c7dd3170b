//! `PATCH /v1/appointments/{id}`

use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("update-appointment", "UPDATE", "APPOINTMENT")
}

fn path(id: Uuid) -> String {
    format!("/v1/appointments/{id}")
}

fn to(scheduled_at: &str) -> Value {
    json!({"scheduled_at": scheduled_at, "reason": "Travelling that day"})
}

#[tokio::test]
async fn a_visit_is_moved_and_the_history_keeps_time_and_reason() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let admin = world.admin().await;
    let id = world
        .visit(&ada, &vera, "2030-01-07T09:00Z", "SCHEDULED")
        .await;
    for (version, caller) in [(1, &*ada), (2, &*vera), (3, &admin)] {
        let at = format!("2030-01-0{version}T10:00:00Z");
        let answer = caller.patch(&path(id), version, to(&at)).await.expect(200);
        assert_eq!(answer.body["scheduled_at"], json!(at));
        assert_eq!(answer.body["change_reason"], "Travelling that day");
        assert_eq!(answer.header("etag"), format!("\"{}\"", version + 1));
        let expected = row().by(caller).resource(id).patient(ada.id);
        let until = format!("2032-01-0{version}T10:30:00Z");
        let expected = expected.giving_care(vera.user, "VISIT", Some(&until));
        world
            .audited(
                &answer,
                expected.detail("fields", json!(["reason", "scheduled_at"])),
            )
            .await;
    }
    let history = world
        .rows(
            "select changed_by, old_scheduled_at as old, new_scheduled_at as new, reason
             from appointment_changes where old_status is not null order by id",
            &[],
        )
        .await;
    let expected = [
        (ada.user, "07T09", "01T10"),
        (vera.user, "01T10", "02T10"),
        (admin.user, "02T10", "03T10"),
    ]
    .map(|(user, old, new)| {
        json!({
            "changed_by": user,
            "old": format!("2030-01-{old}:00:00+00:00"),
            "new": format!("2030-01-{new}:00:00+00:00"),
            "reason": "Travelling that day"
        })
    });
    assert_eq!(history, expected);
}

#[tokio::test]
async fn place_and_notes_change_without_reason_or_history() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let id = world
        .visit(&ada, &vera, "2030-01-07T09:00Z", "SCHEDULED")
        .await;
    let place = json!({"kind": "VIDEO", "url": "https://video.example.org/1"});
    let answer = ada
        .patch(
            &path(id),
            1,
            json!({"location": place, "notes": "Bring results"}),
        )
        .await
        .expect(200);
    assert_eq!(answer.body["location"], place);
    assert_eq!(answer.body["notes"], "Bring results");
    let answer = ada
        .patch(&path(id), 2, json!({"notes": null}))
        .await
        .expect(200);
    assert_eq!(answer.body["notes"], Value::Null);
    assert_eq!(answer.body["location"], place);
    let history = world.rows("select id from appointment_changes", &[]).await;
    // The only change is the booking.
    assert_eq!(history.len(), 1);
}

#[tokio::test]
async fn an_unbookable_time_is_refused_and_the_visit_is_unchanged() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let ben = world.patient("Ben").await;
    let id = world
        .visit(&ada, &vera, "2030-01-07T09:00Z", "SCHEDULED")
        .await;
    world
        .visit(&ben, &vera, "2030-01-08T09:00Z", "SCHEDULED")
        .await;
    world
        .sql(
            "update providers set schedule = schedule || '{\"exceptions\": [{\"date\": \"2030-01-09\"}]}'",
            &[],
        )
        .await;
    let before = world.stored().await;
    for taken in ["2030-01-08T09:15:00Z", "2030-01-09T09:00:00Z"] {
        let answer = ada
            .patch(&path(id), 1, to(taken))
            .await
            .problem(409, "conflict");
        let rows = world.audit_of(&answer).await;
        assert_eq!(rows[0].entry.outcome.label(), "FAILURE");
    }
    ada.patch(&path(id), 1, to("2020-01-07T09:00:00Z"))
        .await
        .invalid("scheduled_at");
    assert_eq!(world.stored().await, before);
    // Providers manage their own calendar, so Vera can move the visit outside the hours.
    vera.patch(&path(id), 1, to("2030-01-09T09:00:00Z"))
        .await
        .expect(200);
}

#[tokio::test]
async fn a_settled_visit_is_not_moved_and_a_patient_can_not_change_the_past() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let id = world
        .visit(&ada, &vera, "2020-01-07T09:00Z", "COMPLETED")
        .await;
    let before = world.stored().await;
    vera.patch(&path(id), 1, to("2030-01-07T09:00:00Z"))
        .await
        .problem(409, "conflict");
    let answer = ada
        .patch(&path(id), 1, json!({"notes": "Not as I remember"}))
        .await
        .problem(409, "conflict");
    assert_eq!(world.audit_of(&answer).await.len(), 1);
    assert_eq!(world.stored().await, before);
    vera.patch(&path(id), 1, json!({"notes": "Went well"}))
        .await
        .expect(200);
}

#[tokio::test]
async fn another_patient_or_provider_gets_404() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let (vera, walt) = (world.provider("Vera").await, world.provider("Walt").await);
    world.assign(&ada, &walt).await;
    let id = world
        .visit(&ada, &vera, "2030-01-07T09:00Z", "SCHEDULED")
        .await;
    for caller in [&*ben, &*walt] {
        let denied = row().by(caller).resource(id).patient(ada.id);
        world
            .out_of_reach(denied, async |id| {
                caller.patch(&path(id), 1, json!({"notes": "x"})).await
            })
            .await;
    }
}

#[tokio::test]
async fn of_two_changes_to_one_version_one_succeeds() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let id = world
        .visit(&ada, &vera, "2030-01-07T09:00Z", "SCHEDULED")
        .await;
    ada.patch(&path(id), 1, json!({"notes": "first"}))
        .await
        .expect(200);
    let failed = row().by(&vera).resource(id).patient(ada.id);
    world
        .refused(
            vera.patch(&path(id), 1, json!({"notes": "second"})),
            412,
            failed.failed("precondition-failed"),
        )
        .await;
}

#[tokio::test]
async fn fields_out_of_bounds_are_named_and_nothing_is_stored() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let id = world
        .visit(&ada, &vera, "2030-01-07T09:00Z", "SCHEDULED")
        .await;
    let before = world.stored().await;
    for (patch, field) in [
        (json!({"scheduled_at": "2030-01-08T09:00:00Z"}), "reason"),
        (json!({"notes": "x", "reason": "none"}), "reason"),
        (
            json!({"duration_minutes": -30, "reason": "shorter"}),
            "duration_minutes",
        ),
        (
            json!({"duration_minutes": 0, "reason": "shorter"}),
            "duration_minutes",
        ),
        (json!({"scheduled_at": null, "reason": "x"}), "scheduled_at"),
        (json!({"location": {"kind": "MAIL"}}), "location.kind"),
        (json!({"status": "COMPLETED"}), "status"),
        (json!({"patient_id": ada.id}), "patient_id"),
    ] {
        let answer = ada.patch(&path(id), 1, patch).await.invalid(field);
        let rows = world.audit_of(&answer).await;
        assert_eq!(rows[0].entry.outcome.label(), "FAILURE", "{field}");
    }
    assert_eq!(world.stored().await, before);
}

#[tokio::test]
async fn two_visits_that_swap_times_concurrently_are_both_a_conflict() {
    let world = World::with(Setup {
        instances: 2,
        ..Setup::default()
    })
    .await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let vera = world.provider("Vera").await;
    let (nine, ten) = ("2030-01-07T09:00:00Z", "2030-01-07T10:00:00Z");
    let first = path(world.visit(&ada, &vera, nine, "SCHEDULED").await);
    let second = path(world.visit(&ben, &vera, ten, "SCHEDULED").await);
    for _ in 0..8 {
        // Each request waits for the other's time. The database ends this deadlock, and after a
        // retry both are refused.
        let (one, other) = tokio::join!(
            ada.patch(&first, 1, to(ten)),
            ben.patch(&second, 1, to(nine))
        );
        one.problem(409, "conflict");
        other.problem(409, "conflict");
    }
}

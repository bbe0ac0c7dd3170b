//! `PATCH /v1/alerts/{id}`

use tests::audit::Expected;
use tests::prelude::*;

use super::{path, raise, resolved, stored};

fn row() -> Expected {
    audit("update-alert", "UPDATE", "ALERT")
}

#[tokio::test]
async fn an_alert_is_acknowledged_assigned_and_resolved_with_its_reason() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let (officer, other) = (world.officer().await, world.officer().await);
    let id = raise(&world, Some(vera.user), Some(ada.id), &[]).await;
    let id = id.unwrap();
    let about = row().by(&officer).resource(id).patient(ada.id);

    let seen = json!({"status": "ACKNOWLEDGED"});
    let seen = officer.patch(&path(id), 1, seen).await.expect(200);
    assert_eq!(seen.body["status"], "ACKNOWLEDGED");
    assert_eq!(seen.header("etag"), "\"2\"");
    let expected = about.clone().detail("fields", json!(["status"]));
    world
        .audited(&seen, expected.detail("status", "ACKNOWLEDGED"))
        .await;

    let given = json!({"status": "ASSIGNED", "assigned_to": other.user});
    let given = officer.patch(&path(id), 2, given).await.expect(200);
    assert_eq!(given.body["assigned_to"], json!(other.user));
    // Who takes it over is another, and who gives it back is nobody.
    let taken = json!({"assigned_to": officer.user});
    let taken = officer.patch(&path(id), 3, taken).await.expect(200);
    assert_eq!(taken.body["assigned_to"], json!(officer.user));
    let back = json!({"status": "ACKNOWLEDGED"});
    let back = officer.patch(&path(id), 4, back).await.expect(200);
    assert_eq!(back.body["assigned_to"], Value::Null);

    let done = officer.patch(&path(id), 5, resolved()).await.expect(200);
    for (field, value) in resolved().as_object().unwrap() {
        assert_eq!(done.body[field], *value, "{field}");
    }
    assert_eq!(done.body["resolved_by"], json!(officer.user));
    assert!(done.body["resolved_at"].is_string());
    let alert = stored(&world, id).await;
    assert_eq!(alert["resolved_by"], json!(officer.user));
    assert_eq!(
        (&alert["status"], &alert["version"]),
        (&json!("RESOLVED"), &json!(6))
    );
    // The audit row names the fields, and not the reason.
    let fields = json!(["disposition", "reason", "status"]);
    let expected = about.detail("fields", fields).detail("status", "RESOLVED");
    world.audited(&done, expected).await;

    let events = "select type, data -> 'status' as status, data -> 'former_status' as former
                  from business_events where subject = 'alerts/' || $1::text order by sequence";
    let events = world.rows(events, &[&id.to_string()]).await;
    let changes = [
        ("ACKNOWLEDGED", json!("OPEN")),
        ("ASSIGNED", json!("ACKNOWLEDGED")),
        ("ASSIGNED", Value::Null),
        ("ACKNOWLEDGED", json!("ASSIGNED")),
        ("RESOLVED", json!("ACKNOWLEDGED")),
    ];
    let mut expected = vec![json!({"type": "alert.raised.v1", "status": "OPEN", "former": null})];
    expected.extend(changes.map(
        |(status, former)| json!({"type": "alert.changed.v1", "status": status, "former": former}),
    ));
    assert_eq!(events, expected);
    world.every_event_fits().await;
}

#[tokio::test]
async fn a_resolved_alert_never_changes_and_one_that_was_seen_is_never_opened_again() {
    let world = World::new().await;
    let (vera, officer) = (world.provider("Vera").await, world.officer().await);
    let id = world.alert(vera.user, None).await;
    let seen = json!({"status": "ACKNOWLEDGED"});
    officer.patch(&path(id), 1, seen).await.expect(200);
    let open = json!({"status": "OPEN"});
    let failed = row()
        .by(&officer)
        .resource(id)
        .detail("fields", json!(["status"]))
        .detail("status", "OPEN")
        .failed("conflict");
    world
        .refused(officer.patch(&path(id), 2, open.clone()), 409, failed)
        .await;
    officer.patch(&path(id), 2, resolved()).await.expect(200);
    let before = stored(&world, id).await;
    for patch in [
        open,
        json!({"status": "ACKNOWLEDGED"}),
        json!({"status": "ASSIGNED", "assigned_to": officer.user}),
        json!({"disposition": "FALSE_ALARM"}),
        json!({"reason": "Another"}),
        json!({"assigned_to": officer.user}),
    ] {
        let answer = officer.patch(&path(id), 3, patch).await;
        answer.problem(409, "conflict");
    }
    assert_eq!(stored(&world, id).await, before);
}

#[tokio::test]
async fn nobody_changes_an_alert_about_themself_or_gets_it_assigned() {
    let world = World::new().await;
    let (officer, other) = (world.officer().await, world.officer().await);
    let id = world.alert(officer.user, None).await;
    for patch in [json!({"status": "ACKNOWLEDGED"}), resolved()] {
        let answer = officer.patch(&path(id), 1, patch).await;
        answer.problem(403, "forbidden");
    }
    let denied = world
        .row(
            "select outcome from audit_logs order by id desc limit 1",
            &[],
        )
        .await;
    assert_eq!(denied, json!({"outcome": "DENIED"}));
    let to_actor = json!({"status": "ASSIGNED", "assigned_to": officer.user});
    other
        .patch(&path(id), 1, to_actor)
        .await
        .invalid("assigned_to");
    assert_eq!(stored(&world, id).await["version"], 1);
    other.patch(&path(id), 1, resolved()).await.expect(200);
}

#[tokio::test]
async fn only_active_users_who_may_work_on_alerts_get_one_assigned() {
    let world = World::new().await;
    let (vera, officer, admin) = (
        world.provider("Vera").await,
        world.officer().await,
        world.admin().await,
    );
    let (suspended, left) = (world.officer().await, world.officer().await);
    let suspend = "update user_profiles set status = 'SUSPENDED' where id = $1";
    world.sql(suspend, &[&suspended.user]).await;
    let archive = "update user_profiles set is_archived = true, archived_at = now() where id = $1";
    world.sql(archive, &[&left.user]).await;
    let id = world.alert(vera.user, None).await;
    for user in [
        admin.user,
        suspended.user,
        left.user,
        vera.user,
        Uuid::now_v7(),
    ] {
        let patch = json!({"status": "ASSIGNED", "assigned_to": user});
        officer
            .patch(&path(id), 1, patch)
            .await
            .invalid("assigned_to");
    }
    assert_eq!(stored(&world, id).await["status"], "OPEN");
}

#[tokio::test]
async fn fields_that_do_not_fit_the_status_are_named() {
    let world = World::new().await;
    let (vera, officer) = (world.provider("Vera").await, world.officer().await);
    let id = world.alert(vera.user, None).await;
    for (field, patch) in [
        ("assigned_to", json!({"status": "ASSIGNED"})),
        ("assigned_to", json!({"assigned_to": officer.user})),
        (
            "disposition",
            json!({"status": "RESOLVED", "reason": "Cover"}),
        ),
        (
            "reason",
            json!({"status": "RESOLVED", "disposition": "JUSTIFIED"}),
        ),
        (
            "reason",
            json!({"status": "ACKNOWLEDGED", "reason": "Cover"}),
        ),
        ("disposition", json!({"disposition": "JUSTIFIED"})),
        ("status", json!({"status": "CLOSED"})),
        ("status", json!({"status": null})),
        ("score", json!({"score": 1})),
    ] {
        let answer = officer.patch(&path(id), 1, patch).await.invalid(field);
        let failed = row().by(&officer).resource(id).so_far().failed("invalid");
        world.audited(&answer, failed).await;
    }
    assert_eq!(stored(&world, id).await["version"], 1);
}

#[tokio::test]
async fn who_has_not_seen_the_newest_occurrence_resolves_nothing() {
    let world = World::new().await;
    let (vera, officer, admin) = (
        world.provider("Vera").await,
        world.officer().await,
        world.admin().await,
    );
    let id = raise(&world, Some(vera.user), None, &[]).await.unwrap();
    raise(&world, Some(vera.user), None, &[]).await;
    let its_path = path(id);
    let stale = officer.patch(&its_path, 1, resolved());
    let failed = row()
        .by(&officer)
        .resource(id)
        .failed("precondition-failed");
    world.refused(stale, 412, failed).await;
    let denied = row().by(&admin).resource(id).denied("forbidden");
    world
        .refused(admin.patch(&path(id), 2, resolved()), 403, denied)
        .await;
    let absent = Uuid::now_v7();
    let failed = row().by(&officer).resource(absent).failed("not-found");
    world
        .refused(officer.patch(&path(absent), 1, resolved()), 404, failed)
        .await;
    assert_eq!(stored(&world, id).await["status"], "OPEN");
}

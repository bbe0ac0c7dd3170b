//! `DELETE /v1/appointments/{id}`

use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("delete-appointment", "DELETE", "APPOINTMENT")
}

fn path(id: Uuid) -> String {
    format!("/v1/appointments/{id}")
}

#[tokio::test]
async fn an_administrator_archives_a_completed_or_cancelled_visit() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let admin = world.admin().await;
    let id = world
        .visit(&ada, &vera, "2020-01-07T09:00Z", "CANCELLED")
        .await;
    let answer = admin.delete(&path(id), 1).await.expect(200);
    assert_eq!(answer.body["is_archived"], true);
    let stored = world
        .row("select is_archived, archived_by from appointments", &[])
        .await;
    assert_eq!(
        stored,
        json!({"is_archived": true, "archived_by": admin.user})
    );
    let history = world
        .row(
            "select changed_by, is_archived from appointment_changes where old_status is not null",
            &[],
        )
        .await;
    assert_eq!(
        history,
        json!({"changed_by": admin.user, "is_archived": true})
    );
    world
        .audited(&answer, row().by(&admin).resource(id).patient(ada.id))
        .await;

    let asked = format!("{}?include_archived=true", path(id));
    for caller in [&*ada, &*vera] {
        caller.get(&path(id)).await.problem(404, "not-found");
        caller.get(&asked).await.problem(404, "not-found");
    }
    admin.get(&path(id)).await.problem(404, "not-found");
    admin.get(&asked).await.expect(200);
    for (caller, query, expected) in [
        (&admin, "", vec![]),
        (&admin, "?include_archived=true", vec![id]),
        (&*ada, "?include_archived=true", vec![]),
    ] {
        let list = caller.get(&format!("/v1/appointments{query}")).await;
        assert_eq!(list.expect(200).ids(), expected, "{query}");
    }
    admin.delete(&path(id), 2).await.problem(404, "not-found");
}

#[tokio::test]
async fn a_scheduled_visit_must_be_cancelled_first() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let admin = world.admin().await;
    let id = world
        .visit(&ada, &vera, "2030-01-07T09:00Z", "SCHEDULED")
        .await;
    let failed = row().by(&admin).resource(id).patient(ada.id);
    let failed = failed.failed("conflict");
    world.refused(admin.delete(&path(id), 1), 409, failed).await;
}

#[tokio::test]
async fn an_outdated_version_is_refused() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let admin = world.admin().await;
    let id = world
        .visit(&ada, &vera, "2020-01-07T09:00Z", "COMPLETED")
        .await;
    let failed = row().by(&admin).resource(id).patient(ada.id);
    let failed = failed.failed("precondition-failed");
    world.refused(admin.delete(&path(id), 2), 412, failed).await;
}

#[tokio::test]
async fn patients_and_providers_can_not_archive_visits() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let id = world
        .visit(&ada, &vera, "2020-01-07T09:00Z", "COMPLETED")
        .await;
    for caller in [&*ada, &*vera] {
        let denied = row().by(caller).resource(id).patient(ada.id);
        world
            .refused(caller.delete(&path(id), 1), 403, denied.denied("forbidden"))
            .await;
    }
}

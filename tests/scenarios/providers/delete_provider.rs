//! `DELETE /v1/providers/{id}`

use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("delete-provider", "DELETE", "PROVIDER")
}

fn path(id: Uuid) -> String {
    format!("/v1/providers/{id}")
}

#[tokio::test]
async fn an_administrator_archives_a_provider_who_leaves() {
    let world = World::new().await;
    let (admin, vera) = (world.admin().await, world.provider("Vera").await);
    let ada = world.patient("Ada").await;
    world
        .visit(&ada, &vera, "2020-01-07T09:00Z", "COMPLETED")
        .await;
    let answer = admin.delete(&path(vera.id), 1).await.expect(200);
    assert_eq!(answer.body["is_archived"], true);
    let stored = world
        .row(
            "select is_archived, archived_by, archived_at is not null as dated from providers",
            &[],
        )
        .await;
    assert_eq!(
        stored,
        json!({"is_archived": true, "archived_by": admin.user, "dated": true})
    );
    world
        .audited(&answer, row().by(&admin).resource(vera.id))
        .await;
    // Only an administrator who asks for archived providers sees this one. Deleting again answers
    // 404.
    ada.get(&path(vera.id)).await.problem(404, "not-found");
    let asked = format!("{}?include_archived=true", path(vera.id));
    ada.get(&asked).await.problem(404, "not-found");
    admin.get(&asked).await.expect(200);
    admin
        .delete(&path(vera.id), 2)
        .await
        .problem(404, "not-found");
}

#[tokio::test]
async fn future_visits_are_a_conflict() {
    let world = World::new().await;
    let (admin, vera) = (world.admin().await, world.provider("Vera").await);
    let ada = world.patient("Ada").await;
    world
        .visit(&ada, &vera, "2030-01-07T09:00Z", "SCHEDULED")
        .await;
    let failed = row().by(&admin).resource(vera.id).failed("conflict");
    world
        .refused(admin.delete(&path(vera.id), 1), 409, failed)
        .await;
}

#[tokio::test]
async fn an_outdated_version_is_refused() {
    let world = World::new().await;
    let (admin, vera) = (world.admin().await, world.provider("Vera").await);
    let failed = row().by(&admin).resource(vera.id);
    let failed = failed.failed("precondition-failed");
    world
        .refused(admin.delete(&path(vera.id), 7), 412, failed)
        .await;
}

#[tokio::test]
async fn only_an_administrator_archives() {
    let world = World::new().await;
    let vera = world.provider("Vera").await;
    let denied = row().by(&vera).resource(vera.id).denied("forbidden");
    world
        .refused(vera.delete(&path(vera.id), 1), 403, denied)
        .await;
}

//! `GET /v1/activity-reviews/{id}`

use tests::audit::Expected;
use tests::prelude::*;

use super::review_path;

fn row(caller: &Actor, id: Uuid) -> Expected {
    audit("get-activity-review", "READ", "ACTIVITY_REVIEW")
        .by(caller)
        .resource(id)
}

#[tokio::test]
async fn an_officer_reads_a_review_with_its_figures() {
    let world = World::new().await;
    let officer = world.officer().await;
    let id = world.activity_review().await;
    let read = officer.get(&review_path(id)).await.expect(200);
    assert_eq!(read.header("etag"), "\"1\"");
    assert_eq!(read.body["covered_from"], "2026-01-01");
    assert_eq!(read.body["covered_until"], "2026-01-31");
    assert_eq!(read.body["figures"]["audit_rows"]["total"], 0);
    assert_eq!(read.body["html"], Value::Null);
    world.audited(&read, row(&officer, id)).await;
}

#[tokio::test]
async fn an_absent_review_is_not_found_and_other_roles_are_refused() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let (admin, officer) = (world.admin().await, world.officer().await);
    let absent = Uuid::now_v7();
    let failed = row(&officer, absent).failed("not-found");
    world
        .refused(officer.get(&review_path(absent)), 404, failed)
        .await;
    let id = world.activity_review().await;
    for caller in [&*vera, &*ada, &admin] {
        let denied = row(caller, id).denied("forbidden");
        world
            .refused(caller.get(&review_path(id)), 403, denied)
            .await;
    }
}

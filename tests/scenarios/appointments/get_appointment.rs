//! `GET /v1/appointments/{id}`

use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("get-appointment", "READ", "APPOINTMENT")
}

fn path(id: Uuid) -> String {
    format!("/v1/appointments/{id}")
}

#[tokio::test]
async fn the_patient_and_all_their_providers_read_a_visit() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let (walt, admin) = (world.provider("Walt").await, world.admin().await);
    world.assign(&ada, &walt).await;
    let id = world
        .visit(&ada, &vera, "2030-01-07T09:00Z", "SCHEDULED")
        .await;
    let before = world.stored().await;
    for caller in [&*ada, &*vera, &*walt, &admin] {
        let answer = caller.get(&path(id)).await.expect(200);
        assert_eq!(answer.body["id"], json!(id));
        assert_eq!(answer.body["patient_id"], json!(ada.id));
        assert_eq!(answer.body["scheduled_at"], "2030-01-07T09:00:00Z");
        assert_eq!(answer.header("etag"), "\"1\"");
        world
            .audited(&answer, row().by(caller).resource(id).patient(ada.id))
            .await;
    }
    assert_eq!(world.stored().await, before);
}

#[tokio::test]
async fn a_provider_still_reads_their_own_cancelled_visit() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let id = world
        .visit(&ada, &vera, "2030-01-07T09:00Z", "CANCELLED")
        .await;
    let answer = vera.get(&path(id)).await.expect(200);
    assert_eq!(answer.body["status"], "CANCELLED");
    world
        .audited(&answer, row().by(&vera).resource(id).patient(ada.id))
        .await;
}

#[tokio::test]
async fn another_patients_visit_gets_404() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let (ben, walt) = (world.patient("Ben").await, world.provider("Walt").await);
    let id = world
        .visit(&ada, &vera, "2030-01-07T09:00Z", "SCHEDULED")
        .await;
    for caller in [&*ben, &*walt] {
        let denied = row().by(caller).resource(id).patient(ada.id);
        world
            .out_of_reach(denied, async |id| caller.get(&path(id)).await)
            .await;
    }
}

#[tokio::test]
async fn a_role_without_the_permission_is_refused() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let officer = world.officer().await;
    let id = world
        .visit(&ada, &vera, "2030-01-07T09:00Z", "SCHEDULED")
        .await;
    let denied = row().by(&officer).resource(id).patient(ada.id);
    let denied = denied.denied("forbidden");
    world.refused(officer.get(&path(id)), 403, denied).await;
}

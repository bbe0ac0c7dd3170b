//! `GET /v1/providers/{id}`

use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("get-provider", "READ", "PROVIDER")
}

fn path(id: Uuid) -> String {
    format!("/v1/providers/{id}")
}

#[tokio::test]
async fn patients_providers_and_administrators_read_the_directory() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let (walt, admin) = (world.provider("Walt").await, world.admin().await);
    let before = world.stored().await;
    for caller in [&*ada, &*walt, &admin] {
        let answer = caller.get(&path(vera.id)).await.expect(200);
        assert_eq!(answer.body["id"], json!(vera.id));
        assert_eq!(answer.body["first_name"], "Vera");
        assert_eq!(answer.body["specialties"], json!(["cardiology"]));
        assert_eq!(answer.header("etag"), "\"1\"");
        world
            .audited(&answer, row().by(caller).resource(vera.id))
            .await;
    }
    assert_eq!(world.stored().await, before);
}

#[tokio::test]
async fn a_role_without_the_permission_is_refused() {
    let world = World::new().await;
    let (vera, officer) = (world.provider("Vera").await, world.officer().await);
    let denied = row().by(&officer).resource(vera.id).denied("forbidden");
    world
        .refused(officer.get(&path(vera.id)), 403, denied)
        .await;
}

#[tokio::test]
async fn an_absent_provider_is_not_found() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let nobody = Uuid::now_v7();
    let failed = row().by(&ada).resource(nobody).failed("not-found");
    world.refused(ada.get(&path(nobody)), 404, failed).await;
}

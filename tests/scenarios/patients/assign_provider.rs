//! `PUT /v1/patients/{id}/providers/{provider_id}`

use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("assign-provider", "UPDATE", "PATIENT")
}

fn path(patient: Uuid, provider: Uuid) -> String {
    format!("/v1/patients/{patient}/providers/{provider}")
}

#[tokio::test]
async fn an_assigned_provider_reaches_the_chart_from_then_on() {
    let world = World::new().await;
    let admin = world.admin().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let chart = format!("/v1/patients/{}", ada.id);
    vera.get(&chart).await.problem(404, "not-found");

    let answer = admin.put(&path(ada.id, vera.id)).await.expect(200);
    assert_eq!(answer.body["assigned_providers"], json!([vera.id]));
    assert_eq!(answer.body["version"], 2);
    assert_eq!(answer.body["allergies"], Value::Null);
    world
        .audited(
            &answer,
            row()
                .by(&admin)
                .resource(ada.id)
                .patient(ada.id)
                .detail("provider_id", vera.id.to_string())
                .giving_care(vera.user, "ASSIGNMENT", None),
        )
        .await;
    vera.get(&chart).await.expect(200);
}

#[tokio::test]
async fn assigning_again_changes_nothing_and_is_recorded() {
    let world = World::new().await;
    let admin = world.admin().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    admin.put(&path(ada.id, vera.id)).await.expect(200);
    let before = world.stored().await;
    let answer = admin.put(&path(ada.id, vera.id)).await.expect(200);
    assert_eq!(answer.body["assigned_providers"], json!([vera.id]));
    assert_eq!(world.stored().await, before);
    world
        .audited(
            &answer,
            row()
                .by(&admin)
                .resource(ada.id)
                .patient(ada.id)
                .detail("provider_id", vera.id.to_string()),
        )
        .await;
}

#[tokio::test]
async fn only_an_administrator_assigns() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    for caller in [&*ada, &*vera] {
        let denied = row().by(caller).resource(ada.id).patient(ada.id);
        let denied = denied
            .detail("provider_id", vera.id.to_string())
            .denied("forbidden");
        world
            .refused(caller.put(&path(ada.id, vera.id)), 403, denied)
            .await;
    }
}

#[tokio::test]
async fn an_absent_patient_is_not_found() {
    let world = World::new().await;
    let (admin, vera) = (world.admin().await, world.provider("Vera").await);
    let nobody = Uuid::now_v7();
    let failed = row().by(&admin).resource(nobody);
    let failed = failed
        .detail("provider_id", vera.id.to_string())
        .failed("not-found");
    world
        .refused(admin.put(&path(nobody, vera.id)), 404, failed)
        .await;
}

#[tokio::test]
async fn an_absent_provider_is_named_as_the_invalid_field() {
    let world = World::new().await;
    let (admin, ada) = (world.admin().await, world.patient("Ada").await);
    let nobody = Uuid::now_v7();
    let expected = row().by(&admin).resource(ada.id).patient(ada.id);
    let expected = expected.detail("provider_id", nobody.to_string());
    world
        .invalid(admin.put(&path(ada.id, nobody)), "provider_id", expected)
        .await;
}

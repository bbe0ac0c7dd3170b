//! `DELETE /v1/patients/{id}/providers/{provider_id}`

use http::Method;
use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("unassign-provider", "UPDATE", "PATIENT")
}

async fn unassign(caller: &Actor, patient: Uuid, provider: Uuid) -> Answer {
    let path = format!("/v1/patients/{patient}/providers/{provider}");
    caller.send(Method::DELETE, &path, None).await
}

#[tokio::test]
async fn an_unassigned_provider_no_longer_reaches_the_chart() {
    let world = World::new().await;
    let admin = world.admin().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let walt = world.provider("Walt").await;
    world.assign(&ada, &vera).await;
    world.assign(&ada, &walt).await;
    let chart = format!("/v1/patients/{}", ada.id);
    vera.get(&chart).await.expect(200);

    let done = row()
        .by(&admin)
        .resource(ada.id)
        .patient(ada.id)
        .detail("provider_id", vera.id.to_string());
    let answer = unassign(&admin, ada.id, vera.id).await.expect(200);
    assert_eq!(answer.body["assigned_providers"], json!([walt.id]));
    assert_eq!(answer.body["version"], 4);
    world.audited(&answer, done.clone()).await;
    vera.get(&chart).await.problem(404, "not-found");
    walt.get(&chart).await.expect(200);

    // Repeating the request changes nothing and is recorded.
    let before = world.stored().await;
    let answer = unassign(&admin, ada.id, vera.id).await.expect(200);
    assert_eq!(answer.body["version"], 4);
    world.audited(&answer, done).await;
    assert_eq!(world.stored().await, before);
}

#[tokio::test]
async fn only_an_administrator_unassigns() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    for caller in [&*ada, &*vera] {
        let denied = row().by(caller).resource(ada.id).patient(ada.id);
        let denied = denied
            .detail("provider_id", vera.id.to_string())
            .denied("forbidden");
        world
            .refused(unassign(caller, ada.id, vera.id), 403, denied)
            .await;
    }
}

#[tokio::test]
async fn an_absent_patient_or_a_malformed_id_is_not_found() {
    let world = World::new().await;
    let (admin, vera) = (world.admin().await, world.provider("Vera").await);
    let nobody = Uuid::now_v7();
    let failed = row().by(&admin).resource(nobody);
    let failed = failed
        .detail("provider_id", vera.id.to_string())
        .failed("not-found");
    world
        .refused(unassign(&admin, nobody, vera.id), 404, failed)
        .await;
    admin
        .send(Method::DELETE, "/v1/patients/ada/providers/vera", None)
        .await
        .problem(404, "not-found");
}

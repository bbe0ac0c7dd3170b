//! `GET /v1/me`

use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("get-me", "READ", "USER")
}

#[tokio::test]
async fn a_patient_reads_their_profile_and_permissions() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let before = world.stored().await;
    let answer = ada.get("/v1/me").await.expect(200);
    assert_eq!(answer.body["id"], json!(ada.user));
    assert_eq!(answer.body["username"], json!(ada.email));
    assert_eq!(answer.body["role"], "PATIENT");
    assert_eq!(answer.body["status"], "ACTIVE");
    assert_eq!(answer.body["patient_id"], json!(ada.id));
    assert_eq!(answer.body["provider_id"], Value::Null);
    assert_eq!(answer.body["permissions"]["records:read"], "OWN");
    assert_eq!(answer.body["permissions"].get("users:write"), None);
    assert_eq!(answer.header("etag"), "\"1\"");
    assert_eq!(world.stored().await, before);
    world
        .audited(&answer, row().by(&ada).resource(ada.user).patient(ada.id))
        .await;
}

#[tokio::test]
async fn each_role_gets_the_permissions_that_the_database_grants() {
    let world = World::new().await;
    let (vera, admin) = (world.provider("Vera").await, world.admin().await);
    for (caller, provider) in [(&*vera, json!(vera.id)), (&admin, Value::Null)] {
        let granted = world
            .row(
                "select jsonb_object_agg(permission, reach) as permissions
                 from role_permissions where role = $1",
                &[&caller.role],
            )
            .await;
        let answer = caller.get("/v1/me").await.expect(200);
        assert_eq!(answer.body["permissions"], granted["permissions"]);
        assert_eq!(answer.body["provider_id"], provider);
        world
            .audited(&answer, row().by(caller).resource(caller.user))
            .await;
    }
}

#[tokio::test]
async fn a_subject_without_a_profile_is_refused_and_the_attempt_is_recorded() {
    let world = World::new().await;
    let stranger = world.stranger();
    let denied = row().by(&stranger).denied("forbidden");
    let denied = denied.detail("subject", stranger.subject.to_string());
    world.refused(stranger.get("/v1/me"), 403, denied).await;
}

#[tokio::test]
async fn query_parameters_are_refused() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let expected = row().by(&ada).resource(ada.user).patient(ada.id);
    let asked = format!("/v1/me?id={}", ben.user);
    world.invalid(ada.get(&asked), "id", expected).await;
}

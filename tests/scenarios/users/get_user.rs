//! `GET /v1/users/{id}`

use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("get-user", "READ", "USER")
}

fn path(id: Uuid) -> String {
    format!("/v1/users/{id}")
}

#[tokio::test]
async fn a_user_reads_their_own_profile() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let before = world.stored().await;
    let answer = ada.get(&path(ada.user)).await.expect(200);
    assert_eq!(answer.body["id"], json!(ada.user));
    assert_eq!(answer.body["first_name"], "Ada");
    assert_eq!(answer.body["role"], "PATIENT");
    assert_eq!(answer.header("etag"), "\"1\"");
    assert_eq!(world.stored().await, before);
    world
        .audited(&answer, row().by(&ada).resource(ada.user).patient(ada.id))
        .await;
}

#[tokio::test]
async fn the_audit_log_shows_a_patient_who_read_their_account() {
    let world = World::new().await;
    let (admin, ada) = (world.admin().await, world.patient("Ada").await);
    // This also holds for a role that can't read patients.
    let registrar = json!({"description": "Keeps accounts.", "permissions": {"users:read": "ALL"}});
    admin
        .send(http::Method::PUT, "/v1/roles/REGISTRAR", Some(registrar))
        .await
        .expect(200);
    for reader in [&admin, &world.user("REGISTRAR", "Rita").await] {
        let answer = reader.get(&path(ada.user)).await.expect(200);
        let read = row().by(reader).resource(ada.user).patient(ada.id);
        world.audited(&answer, read).await;
    }
}

#[tokio::test]
async fn an_administrator_reads_any_profile() {
    let world = World::new().await;
    let (admin, vera) = (world.admin().await, world.provider("Vera").await);
    let answer = admin.get(&path(vera.user)).await.expect(200);
    assert_eq!(answer.body["username"], json!(vera.email));
    world
        .audited(&answer, row().by(&admin).resource(vera.user))
        .await;
}

#[tokio::test]
async fn another_users_profile_gets_404() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    // Ada is in Vera's care. Vera sees the name with the chart, but not the profile.
    let denied = row().by(&vera).resource(ada.user).patient(ada.id);
    world
        .out_of_reach(denied, async |id| vera.get(&path(id)).await)
        .await;
}

#[tokio::test]
async fn an_archived_profile_is_not_found() {
    let world = World::new().await;
    let (admin, vera) = (world.admin().await, world.provider("Vera").await);
    world
        .sql(
            "update user_profiles set is_archived = true, archived_at = now() where id = $1",
            &[&vera.user],
        )
        .await;
    let denied = row().by(&admin).resource(vera.user).denied("not-found");
    world
        .refused(admin.get(&path(vera.user)), 404, denied)
        .await;
}

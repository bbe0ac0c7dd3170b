//! `DELETE /v1/users/{id}`

use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("delete-user", "DELETE", "USER")
}

fn path(user: Uuid) -> String {
    format!("/v1/users/{user}")
}

#[tokio::test]
async fn an_archived_user_can_not_act_and_is_hidden_by_default() {
    let world = World::new().await;
    let (admin, vera) = (world.admin().await, world.provider("Vera").await);
    vera.get("/v1/me").await.expect(200);
    let answer = admin.delete(&path(vera.user), 1).await.expect(200);
    assert_eq!(answer.body["is_archived"], true);
    assert_eq!(answer.header("etag"), "\"2\"");
    world
        .audited(&answer, row().by(&admin).resource(vera.user))
        .await;
    let stored = world
        .row(
            "select archived_by, archived_at is not null as dated from user_profiles where id = $1",
            &[&vera.user],
        )
        .await;
    assert_eq!(stored, json!({"archived_by": admin.user, "dated": true}));

    vera.get("/v1/me").await.problem(403, "forbidden");
    admin.get(&path(vera.user)).await.problem(404, "not-found");
    let archived = format!("{}?include_archived=true", path(vera.user));
    let shown = admin.get(&archived).await.expect(200);
    assert_eq!(shown.id(), vera.user);
    // Deleting again answers 404.
    admin
        .delete(&path(vera.user), 2)
        .await
        .problem(404, "not-found");
}

#[tokio::test]
async fn only_an_administrator_archives_users_except_themselves() {
    let world = World::new().await;
    let admin = world.admin().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    for caller in [&*ada, &*vera] {
        let denied = row().by(caller).resource(ada.user).patient(ada.id);
        let denied = denied.denied("forbidden");
        world
            .refused(caller.delete(&path(ada.user), 1), 403, denied)
            .await;
    }
    let failed = row().by(&admin).resource(admin.user).failed("conflict");
    world
        .refused(admin.delete(&path(admin.user), 1), 409, failed)
        .await;
}

#[tokio::test]
async fn future_visits_as_patient_or_provider_must_be_cancelled_first() {
    let world = World::new().await;
    let admin = world.admin().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world
        .visit(&ada, &vera, "2020-01-07T09:00Z", "SCHEDULED")
        .await;
    let id = world
        .visit(&ada, &vera, "2030-01-07T09:00Z", "SCHEDULED")
        .await;
    let failed = row().by(&admin).resource(ada.user).patient(ada.id);
    let failed = failed.failed("conflict");
    world
        .refused(admin.delete(&path(ada.user), 1), 409, failed)
        .await;
    let failed = row().by(&admin).resource(vera.user).failed("conflict");
    world
        .refused(admin.delete(&path(vera.user), 1), 409, failed)
        .await;
    // The database refuses it, too.
    let archive = "update user_profiles set is_archived = true, archived_at = now() where id";
    let database = world.connect().await;
    for user in [ada.user, vera.user] {
        let refused = database
            .batch_execute(&format!("{archive} = '{user}'"))
            .await;
        let refused = refused.unwrap_err();
        let constraint = refused.as_db_error().unwrap().constraint();
        assert_eq!(constraint, Some("user_profiles_without_visits"));
    }
    // A user who must lose access at once is suspended. Their visits stay until somebody cancels them.
    let suspend = json!({"status": "SUSPENDED"});
    admin.patch(&path(vera.user), 1, suspend).await.expect(200);

    let reason = json!({"reason": "Moved away"});
    admin
        .post(&format!("/v1/appointments/{id}/cancel"), reason)
        .await
        .expect(200);
    admin.delete(&path(ada.user), 1).await.expect(200);
    admin.delete(&path(vera.user), 2).await.expect(200);
    // Nothing is booked for them afterwards.
    let walt = world.provider("Walt").await;
    let booking = json!({
        "patient_id": ada.id, "provider_id": walt.id, "scheduled_at": "2030-01-07T09:00:00Z",
        "duration_minutes": 30
    });
    admin
        .post("/v1/appointments", booking)
        .await
        .problem(409, "conflict");
}

#[tokio::test]
async fn an_account_is_not_archived_while_a_visit_is_being_booked() {
    let world = World::new().await;
    let admin = world.admin().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let booking = json!({
        "patient_id": ada.id, "provider_id": vera.id, "scheduled_at": "2030-01-07T09:00:00Z",
        "duration_minutes": 30
    });
    let account = path(vera.user);
    let (booked, archived) = tokio::join!(
        ada.post("/v1/appointments", booking),
        admin.delete(&account, 1)
    );
    let mut statuses = [booked.status, archived.status];
    statuses.sort_unstable();
    assert!([[200, 422], [201, 409]].contains(&statuses), "{statuses:?}");
}

#[tokio::test]
async fn the_request_must_name_the_current_version() {
    let world = World::new().await;
    let (admin, vera) = (world.admin().await, world.provider("Vera").await);
    let failed = row().by(&admin).resource(vera.user);
    let failed = failed.failed("precondition-failed");
    world
        .refused(admin.delete(&path(vera.user), 7), 412, failed)
        .await;
}

#[tokio::test]
async fn an_absent_user_is_not_found() {
    let world = World::new().await;
    let admin = world.admin().await;
    let nobody = Uuid::now_v7();
    let failed = row().by(&admin).resource(nobody).failed("not-found");
    world
        .refused(admin.delete(&path(nobody), 1), 404, failed)
        .await;
}
